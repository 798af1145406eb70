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
    /// <param name="op">The operations of a body.</param>
    /// <returns>Whether the body is walked.</returns>
    internal bool Needs(IOperation op)
    {
        if (Matters(op))
            return true;
        foreach (IOperation child in op.ChildOperations)
        {
            if (Needs(child))
                return true;
        }

        return false;
    }

    private bool Matters(IOperation op)
    {
        switch (op.Kind)
        {
            case OperationKind.Lock:
                return true;
            case OperationKind.LocalFunction or OperationKind.AnonymousFunction:
                return HasContract(op);
            case OperationKind.Invocation:
                var i = (IInvocationOperation)op;
                return MethodMatters(i.TargetMethod) || KnownLocks.ForReceiver(i.TargetMethod, i.Instance?.Type) is not null;
            case OperationKind.ObjectCreation:
                var c = (IObjectCreationOperation)op;
                return (c.Constructor is not null && MethodMatters(c.Constructor)) || TypeMatters(c.Type);
            case OperationKind.PropertyReference:
                IPropertySymbol p = ((IPropertyReferenceOperation)op).Property;
                return !_reader.Data(p).IsEmpty || Accepts(p.GetMethod) || Accepts(p.SetMethod);
            case OperationKind.FieldReference:
                IFieldSymbol f = ((IFieldReferenceOperation)op).Field;
                return !_reader.Data(f).IsEmpty || TypeMatters(f.Type) || (f.HasConstantValue && f.Name.Length > 1 && f.Name[0] == 'E');
            case OperationKind.ParameterReference:
                return TypeMatters(op.Type) || !_reader.Data(((IParameterReferenceOperation)op).Parameter).IsEmpty;
            case OperationKind.LocalReference:
                return TypeMatters(op.Type);
            case OperationKind.MethodReference:
                return MethodMatters(((IMethodReferenceOperation)op).Method);
            case OperationKind.Binary:
                return Accepts(((IBinaryOperation)op).OperatorMethod);
            case OperationKind.Unary:
                return Accepts(((IUnaryOperation)op).OperatorMethod);
            case OperationKind.CompoundAssignment:
                return Accepts(((ICompoundAssignmentOperation)op).OperatorMethod);
            case OperationKind.Increment or OperationKind.Decrement:
                return Accepts(((IIncrementOrDecrementOperation)op).OperatorMethod);
            case OperationKind.Conversion:
                return Accepts(((IConversionOperation)op).OperatorMethod);
            case OperationKind.EventAssignment:
                return ((IEventAssignmentOperation)op).EventReference is IEventReferenceOperation e && (Accepts(e.Event.AddMethod) || Accepts(e.Event.RemoveMethod));
            case OperationKind.Await:
                return op is { Syntax: AwaitExpressionSyntax awaited, SemanticModel: { } asynchronous } && AwaitMatters(asynchronous.GetAwaitExpressionInfo(awaited));
            case OperationKind.Loop:
                if (op is not IForEachLoopOperation { Syntax: CommonForEachStatementSyntax loop, SemanticModel: { } model })
                    return false;
                ForEachStatementInfo info = model.GetForEachStatementInfo(loop);
                return Accepts(info.GetEnumeratorMethod) || Accepts(info.MoveNextMethod) || Accepts(info.CurrentProperty?.GetMethod) || Accepts(info.DisposeMethod);
            case OperationKind.DeconstructionAssignment:
                return op is { Syntax: AssignmentExpressionSyntax assignment, SemanticModel: { } semantics } && Accepts(semantics.GetDeconstructionInfo(assignment).Method);
            case OperationKind.Using:
                return Disposes(((IUsingOperation)op).Resources);
            case OperationKind.UsingDeclaration:
                return Disposes(((IUsingDeclarationOperation)op).DeclarationGroup);
            default:
                return false;
        }
    }

    private bool AwaitMatters(AwaitExpressionInfo info)
        => Accepts(info.GetAwaiterMethod) || Accepts(info.IsCompletedProperty?.GetMethod) || Accepts(info.GetResultMethod);

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
