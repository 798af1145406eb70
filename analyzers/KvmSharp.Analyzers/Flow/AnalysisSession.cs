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
    private readonly AnalyzerOptions _options;
    private readonly CompilationModel _model;
    private readonly Prefilter _filter;
    private readonly InterestingNames _names;
    private readonly ConcurrentDictionary<SyntaxTree, AnalyzerSettings> _settings = new();
    private readonly ConcurrentDictionary<SyntaxTree, bool> _generated = new();

    internal AnalysisSession(Compilation compilation, AnalyzerOptions options, ExternalAnnotations external, System.Threading.CancellationToken token)
    {
        _options = options;
        _model = new CompilationModel(compilation, external);
        _filter = new Prefilter(_model.Contracts);
        HasAnnotations = !external.IsEmpty || compilation.GetTypesByMetadataName(AttributeInfo.FullName("GuardedBy")).Length != 0
            || compilation.GetTypesByMetadataName(AttributeInfo.FullName("MustHold")).Length != 0
            || compilation.GetTypesByMetadataName(AttributeInfo.FullName("ContextLock")).Length != 0
            || compilation.GetTypesByMetadataName(AttributeInfo.FullName("RefCounted")).Length != 0;
        _names = InterestingNames.Collect(compilation, external, HasAnnotations, token);
        _model.Order.IsDeclared = _names.HasOrder;
        _model.Sleep.DeclaredNames = _names.MaySleep ? null : _names.SleepNames;
    }

    internal bool HasAnnotations { get; }

    internal void Symbol(SymbolAnalysisContext context)
    {
        ISymbol s = context.Symbol;
        if (s.IsImplicitlyDeclared || s.DeclaringSyntaxReferences.IsEmpty || Skip(s.DeclaringSyntaxReferences[0].SyntaxTree))
            return;
        _model.Checks.Check(s, context.ReportDiagnostic);
    }

    internal void CodeBlock(CodeBlockAnalysisContext context)
    {
        SyntaxNode node = context.CodeBlock;
        ISymbol owner = context.OwningSymbol;
        if (Skip(node.SyntaxTree) || !(_names.Match(node) || (HasAnnotations && _filter.OwnerNeeds(owner))))
            return;
        if (IsUnsafe(owner) || (!SettingsFor(node.SyntaxTree).AnalyzeGenerated && IsMarkedGenerated(owner)))
            return;
        List<IOperation> blocks = Blocks(node, owner, context.SemanticModel, context.CancellationToken);
        if (blocks.Count == 0)
            return;
        int size = 0;
        bool needed = false;
        foreach (IOperation b in blocks)
            needed |= _filter.Needs(b, ref size);
        if (!needed && !_filter.OwnerNeeds(owner))
            return;
        var walker = new Walker(_model, SettingsFor(node.SyntaxTree), context.SemanticModel, blocks[0], context.CancellationToken, size);
        try
        {
            walker.Run(owner, blocks, frame => Configure(frame, owner, node));
        }
        catch (BudgetExceededException)
        {
            return;
        }

        foreach (Diagnostic d in walker.Diagnostics())
            context.ReportDiagnostic(d);
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

    private bool Skip(SyntaxTree tree) => !SettingsFor(tree).AnalyzeGenerated && _generated.GetOrAdd(tree, IsGenerated);

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
        => _settings.GetOrAdd(tree, t => AnalyzerSettings.Read(_options.AnalyzerConfigOptionsProvider.GetOptions(t)));
}
