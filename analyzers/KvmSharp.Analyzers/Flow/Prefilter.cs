// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.KnownApis;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Decides cheaply which bodies are worth a walk: those that touch something annotated, a known lock or a counted type.</summary>
internal sealed class Prefilter
{
    private readonly ContractReader _reader;

    internal Prefilter(ContractReader reader) => _reader = reader;

    internal bool OwnerNeeds(ISymbol owner) => owner is IMethodSymbol m && (!_reader.Of(m).IsEmpty || _reader.Of(m).HasOwn);

    /// <summary>The second sieve, over bound code.</summary>
    /// <param name="root">The operations of a body.</param>
    /// <param name="size">Counts the operations.</param>
    /// <returns>Whether the body is walked.</returns>
    internal bool Needs(IOperation root, ref int size)
    {
        bool needed = false;
        foreach (IOperation op in root.DescendantsAndSelf())
        {
            size++;
            if (!needed)
                needed = Matters(op);
        }

        return needed;
    }

    private bool Matters(IOperation op)
    {
        switch (op)
        {
            case ILockOperation or ILocalFunctionOperation or IAnonymousFunctionOperation:
                return op is ILockOperation || HasContract(op);
            case IInvocationOperation i:
                return MethodMatters(i.TargetMethod) || KnownLocks.ForReceiver(i.TargetMethod, i.Instance?.Type) is not null;
            case IObjectCreationOperation c:
                return (c.Constructor is not null && MethodMatters(c.Constructor)) || TypeMatters(c.Type);
            case IPropertyReferenceOperation p:
                return !_reader.Data(p.Property).IsEmpty || (p.Property.GetMethod is { } g && MethodMatters(g)) || (p.Property.SetMethod is { } s && MethodMatters(s));
            case IFieldReferenceOperation f:
                return !_reader.Data(f.Field).IsEmpty || TypeMatters(f.Type) || (f.Field.HasConstantValue && f.Field.Name.Length > 1 && f.Field.Name[0] == 'E');
            case IParameterReferenceOperation p:
                return TypeMatters(p.Type) || !_reader.Data(p.Parameter).IsEmpty;
            case ILocalReferenceOperation l:
                return TypeMatters(l.Type);
            case IMethodReferenceOperation m:
                return MethodMatters(m.Method);
            case IBinaryOperation { OperatorMethod: { } m }:
                return MethodMatters(m);
            case IUnaryOperation { OperatorMethod: { } m }:
                return MethodMatters(m);
            case IConversionOperation { OperatorMethod: { } m }:
                return MethodMatters(m);
            case IEventAssignmentOperation { EventReference: IEventReferenceOperation e }:
                return (e.Event.AddMethod is { } a && MethodMatters(a)) || (e.Event.RemoveMethod is { } r && MethodMatters(r));
            case IForEachLoopOperation { Syntax: CommonForEachStatementSyntax loop, SemanticModel: { } model }:
                ForEachStatementInfo info = model.GetForEachStatementInfo(loop);
                return Accepts(info.GetEnumeratorMethod) || Accepts(info.MoveNextMethod) || Accepts(info.CurrentProperty?.GetMethod) || Accepts(info.DisposeMethod);
            case IDeconstructionAssignmentOperation { Syntax: AssignmentExpressionSyntax assignment, SemanticModel: { } semantics }:
                return Accepts(semantics.GetDeconstructionInfo(assignment).Method);
            case IUsingOperation { Resources: { } resources }:
                return Disposes(resources);
            case IUsingDeclarationOperation d:
                return Disposes(d.DeclarationGroup);
            default:
                return false;
        }
    }

    private bool Accepts(IMethodSymbol? m) => m is not null && MethodMatters(m);

    private bool Disposes(IOperation resources)
    {
        foreach (IOperation op in resources.DescendantsAndSelf())
        {
            ITypeSymbol? type = op is IVariableDeclaratorOperation v ? v.Symbol.Type : ReferenceEquals(op, resources) ? op.Type : null;
            foreach (string name in new[] { "Dispose", "DisposeAsync" })
            {
                foreach (ISymbol s in TypeFacts.Lookup(type, name))
                {
                    if (s is IMethodSymbol m && MethodMatters(m))
                        return true;
                }
            }
        }

        return false;
    }

    private bool HasContract(IOperation op)
    {
        IMethodSymbol m = op is ILocalFunctionOperation l ? l.Symbol : ((IAnonymousFunctionOperation)op).Symbol;
        return !_reader.Of(m).IsEmpty || _reader.Of(m).HasOwn;
    }

    private bool TypeMatters(ITypeSymbol? type)
    {
        if (type is null || type.SpecialType != SpecialType.None)
            return false;
        TypeContract t = _reader.Type(type);
        return t.IsCounted || t.IsLock || t.IsScoped;
    }

    private bool MethodMatters(IMethodSymbol m)
    {
        if (m.MethodKind == MethodKind.DelegateInvoke)
            return !_reader.OfDelegate(m.ContainingType).IsEmpty;
        Contract c = _reader.Of(m);
        return (!c.IsEmpty && (c.HasOwn || !c.Clauses.IsEmpty || !c.MightSleep || !TypeFacts.IsIn(m.ContainingType, "System"))) || TypeMatters(m.ReturnType);
    }
}
