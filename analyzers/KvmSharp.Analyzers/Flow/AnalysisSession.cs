// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Concurrent;
using System.Collections.Generic;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Options;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KvmSharp.Analyzers.Flow;

/// <summary>The stages for one compilation: pre-filter, walk, report.</summary>
internal sealed class AnalysisSession
{
    private readonly bool _external;
    private readonly System.Action<ISymbol>? _skippedBody;
    private int _skippedBodies;
    private readonly AnalyzerOptions _options;
    private readonly CompilationModel _model;
    private readonly Prefilter _filter;
    private readonly InterestingNames _names;
    private readonly ConcurrentDictionary<SyntaxTree, AnalyzerSettings> _settings = new();
    private readonly ConcurrentDictionary<SyntaxTree, bool> _skipped = new();

    internal AnalysisSession(Compilation compilation, AnalyzerOptions options, ExternalAnnotations external, System.Action<ISymbol>? skipped, System.Threading.CancellationToken token)
    {
        _external = !external.IsEmpty;
        _skippedBody = skipped;
        _options = options;
        _model = new CompilationModel(compilation, external);
        _filter = new Prefilter(_model.Contracts);
        bool known = !external.IsEmpty || compilation.GetTypesByMetadataName(AttributeInfo.FullName("GuardedBy")).Length != 0
            || compilation.GetTypesByMetadataName(AttributeInfo.FullName("MustHold")).Length != 0
            || compilation.GetTypesByMetadataName(AttributeInfo.FullName("ContextLock")).Length != 0
            || compilation.GetTypesByMetadataName(AttributeInfo.FullName("RefCounted")).Length != 0;
        _names = InterestingNames.Collect(compilation, external, known, token);
        HasAnnotations = _names.IsUsed;
        _model.Order.IsDeclared = _names.HasOrder;
        _model.Order.Names = _names.IsOpaque ? null : _names.OrderNames;
        _model.Sleep.DeclaredNames = _names.MaySleep ? null : _names.SleepNames;
    }

    internal bool HasAnnotations { get; }

    /// <summary>Gets the number of bodies that took more visits than the budget allows.</summary>
    internal int SkippedBodies => System.Threading.Volatile.Read(ref _skippedBodies);

    internal void Symbol(SymbolAnalysisContext context)
    {
        ISymbol s = context.Symbol;
        if (s.IsImplicitlyDeclared || s.DeclaringSyntaxReferences.IsEmpty || Skip(s.DeclaringSyntaxReferences[0].SyntaxTree))
            return;
        if (_external || MayCarry(s))
            _model.Checks.Check(s, context.ReportDiagnostic);
    }

    // What carries no attribute cannot contradict itself; only locks that can never be taken need none.
    private static bool MayCarry(ISymbol s)
    {
        switch (s)
        {
            case INamedTypeSymbol { TypeKind: not TypeKind.Delegate }:
                return false;
            case IFieldSymbol { IsReadOnly: true, Type: { TypeKind: TypeKind.Struct, SpecialType: SpecialType.None } }:
                return true;
            case IMethodSymbol m:
                foreach (IParameterSymbol p in m.Parameters)
                {
                    if (p.RefKind is RefKind.In or RefKind.RefReadOnlyParameter)
                        return true;
                }

                if (m.PartialImplementationPart is { } part && Carries(part))
                    return true;
                break;
            case IPropertySymbol:
                if (s.DeclaringSyntaxReferences.Length > 1)
                    return true;
                break;
        }

        return Carries(s);
    }

    private static bool Carries(ISymbol s)
    {
        foreach (SyntaxReference r in s.DeclaringSyntaxReferences)
        {
            switch (r.GetSyntax())
            {
                case BaseMethodDeclarationSyntax m:
                    if (m.AttributeLists.Count != 0 || Carries(m.ParameterList))
                        return true;
                    break;
                case AccessorDeclarationSyntax a:
                    if (a.AttributeLists.Count != 0 || a.Parent?.Parent is BasePropertyDeclarationSyntax { AttributeLists.Count: not 0 })
                        return true;
                    break;
                case BasePropertyDeclarationSyntax p:
                    if (p.AttributeLists.Count != 0)
                        return true;
                    break;
                case ArrowExpressionClauseSyntax { Parent: BasePropertyDeclarationSyntax p }:
                    if (p.AttributeLists.Count != 0)
                        return true;
                    break;
                case VariableDeclaratorSyntax { Parent.Parent: BaseFieldDeclarationSyntax f }:
                    if (f.AttributeLists.Count != 0)
                        return true;
                    break;
                case DelegateDeclarationSyntax d:
                    if (d.AttributeLists.Count != 0 || Carries(d.ParameterList))
                        return true;
                    break;
                case EnumMemberDeclarationSyntax:
                    break;
                default:
                    return true;
            }
        }

        return false;
    }

    private static bool Carries(ParameterListSyntax list)
    {
        foreach (ParameterSyntax p in list.Parameters)
        {
            if (p.AttributeLists.Count != 0)
                return true;
        }

        return false;
    }

    /// <summary>For code that is not annotated: only bodies that name something of interest are bound at all.</summary>
    /// <param name="context">The body.</param>
    internal void CodeBlock(CodeBlockAnalysisContext context)
    {
        SyntaxNode node = context.CodeBlock;
        ISymbol owner = context.OwningSymbol;
        if (!IsWanted(node, owner))
            return;
        List<IOperation> blocks = Blocks(node, owner, context.SemanticModel, context.CancellationToken);
        if (blocks.Count != 0)
            Analyze(node, owner, blocks, context.SemanticModel, context.ReportDiagnostic, context.CancellationToken);
    }

    /// <summary>For annotated code: nearly every body matters, and the driver binds each of them once for everybody.</summary>
    /// <param name="context">The body.</param>
    internal void OperationBlock(OperationBlockAnalysisContext context)
    {
        var blocks = new List<IOperation>();
        foreach (IOperation block in context.OperationBlocks)
        {
            IOperation root = block;
            while (root.Parent is { } parent)
                root = parent;
            if (root.Kind is not (OperationKind.ParameterInitializer or OperationKind.None or OperationKind.Invalid) && root.Syntax is not AttributeSyntax && !blocks.Contains(root))
                blocks.Add(root);
        }

        if (blocks.Count == 0)
            return;
        SyntaxNode node = blocks[0].Syntax;
        if (node is EqualsValueClauseSyntax)
            node = node.FirstAncestorOrSelf<MemberDeclarationSyntax>() ?? node;
        if (IsWanted(node, context.OwningSymbol) && blocks[0].SemanticModel is { } model)
            Analyze(node, context.OwningSymbol, blocks, model, context.ReportDiagnostic, context.CancellationToken);
    }

    private bool IsWanted(SyntaxNode node, ISymbol owner)
        => !Skip(node.SyntaxTree) && (_names.Match(node) || (HasAnnotations && _filter.OwnerNeeds(owner)))
            && !IsUnsafe(owner) && (SettingsFor(node.SyntaxTree).AnalyzeGenerated || !IsMarkedGenerated(owner));

    private void Analyze(SyntaxNode node, ISymbol owner, List<IOperation> blocks, SemanticModel model, System.Action<Diagnostic> report, System.Threading.CancellationToken token)
    {
        bool needed = _filter.OwnerNeeds(owner);
        foreach (IOperation b in blocks)
            needed = needed || _filter.Needs(b);
        if (!needed)
            return;
        var walker = new Walker(_model, SettingsFor(node.SyntaxTree), model, blocks[0], token, node.Span.Length);
        try
        {
            walker.Run(owner, blocks, frame => Configure(frame, owner, node));
        }
        catch (BudgetExceededException)
        {
            System.Threading.Interlocked.Increment(ref _skippedBodies);
            _skippedBody?.Invoke(owner);
            return;
        }

        foreach (Diagnostic d in walker.Diagnostics())
            report(d);
    }

    private static void Configure(FunctionFrame frame, ISymbol owner, SyntaxNode node)
    {
        if (owner is IMethodSymbol m)
        {
            frame.IsAsync = m.IsAsync;
            frame.IsIterator = ContractReader.IsIterator(m);
            frame.ExemptThis = m.MethodKind is MethodKind.Constructor or MethodKind.Destructor || m is { MethodKind: MethodKind.PropertySet, IsInitOnly: true };
            frame.ExemptStatics = m.MethodKind == MethodKind.StaticConstructor;
        }
        else
        {
            frame.ExemptThis = !owner.IsStatic;
            frame.ExemptStatics = owner.IsStatic;
        }
    }

    private static List<IOperation> Blocks(SyntaxNode node, ISymbol owner, SemanticModel model, System.Threading.CancellationToken token)
    {
        var list = new List<IOperation>();
        void Add(SyntaxNode? n)
        {
            if (n is not null && model.GetOperation(n, token) is { } op)
                list.Add(op);
        }

        switch (node)
        {
            case BaseMethodDeclarationSyntax or CompilationUnitSyntax:
                Add(node);
                break;
            case AccessorDeclarationSyntax:
                Add(node);
                break;
            case PropertyDeclarationSyntax p:
                if (owner is IMethodSymbol)
                    Add(p.ExpressionBody);
                else
                    Add(p.Initializer);
                break;
            case IndexerDeclarationSyntax i:
                Add(i.ExpressionBody);
                break;
            case ArrowExpressionClauseSyntax:
                Add(node);
                break;
            case BaseFieldDeclarationSyntax:
                foreach (SyntaxReference r in owner.DeclaringSyntaxReferences)
                {
                    if (r.SyntaxTree == node.SyntaxTree && node.Span.Contains(r.Span) && r.GetSyntax(token) is VariableDeclaratorSyntax v)
                        Add(v.Initializer);
                }

                break;
            case TypeDeclarationSyntax when owner is IMethodSymbol { MethodKind: MethodKind.Constructor }:
                Add(node);
                break;
        }

        return list;
    }

    private bool IsUnsafe(ISymbol owner)
    {
        for (ISymbol? s = owner; s is not null and not INamespaceSymbol; s = s.ContainingSymbol)
        {
            if (Has(s) || (s is IMethodSymbol { AssociatedSymbol: { } a } && Has(a)) || (s is IMethodSymbol { PartialImplementationPart: { } p } && Has(p)) || (s is IMethodSymbol { PartialDefinitionPart: { } q } && Has(q)))
                return true;
        }

        return false;
    }

    private static bool IsMarkedGenerated(ISymbol owner)
    {
        for (ISymbol? s = owner; s is not null and not INamespaceSymbol; s = s.ContainingSymbol)
        {
            foreach (AttributeData a in s.GetAttributes())
            {
                if (a.AttributeClass is { Name: "GeneratedCodeAttribute" } type && TypeFacts.IsIn(type, "System", "CodeDom", "Compiler"))
                    return true;
            }
        }

        return false;
    }

    private bool Has(ISymbol s) => _model.Contracts.Attributes(s) is { } list && list.Exists(static a => a.Name == "ContextUnsafe");

    private bool Skip(SyntaxTree tree)
    {
        if (!_skipped.TryGetValue(tree, out bool skip))
        {
            skip = !SettingsFor(tree).AnalyzeGenerated && IsGenerated(tree);
            _skipped.TryAdd(tree, skip);
        }

        return skip;
    }

    private bool IsGenerated(SyntaxTree tree)
    {
        string name = System.IO.Path.GetFileName(tree.FilePath);
        if (_options.AnalyzerConfigOptionsProvider.GetOptions(tree).TryGetValue("generated_code", out string? v))
            return v.Trim().ToLowerInvariant() == "true";
        if (name.EndsWith(".g.cs", System.StringComparison.OrdinalIgnoreCase) || name.EndsWith(".g.i.cs", System.StringComparison.OrdinalIgnoreCase)
            || name.EndsWith(".designer.cs", System.StringComparison.OrdinalIgnoreCase) || name.EndsWith(".generated.cs", System.StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("TemporaryGeneratedFile_", System.StringComparison.OrdinalIgnoreCase))
            return true;
        foreach (SyntaxTrivia t in tree.GetRoot().GetLeadingTrivia())
        {
            string text = t.ToString();
            if (text.Contains("<auto-generated") || text.Contains("<autogenerated"))
                return true;
        }

        return false;
    }

    private AnalyzerSettings SettingsFor(SyntaxTree tree)
    {
        if (!_settings.TryGetValue(tree, out AnalyzerSettings? settings))
            settings = _settings.GetOrAdd(tree, AnalyzerSettings.Read(_options.AnalyzerConfigOptionsProvider.GetOptions(tree)));
        return settings;
    }
}
