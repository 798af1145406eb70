// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using KvmSharp.Analyzers.ContractModel;
using KvmSharp.Analyzers.Flow;
using KvmSharp.Analyzers.Options;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KvmSharp.Analyzers;

/// <summary>Checks lock discipline, counted references, direct-map state and return codes. One analyzer, so that a body is walked once.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class KvmSharpAnalyzer : DiagnosticAnalyzer
{
    /// <summary>Gets what is told about a body that took more visits than the budget allows and was left out.</summary>
    internal System.Action<ISymbol>? BodySkipped { get; init; }

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics => Descriptors.All;

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();

        // Whether generated code is analysed is an option, so the decision is taken per tree.
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.Analyze | GeneratedCodeAnalysisFlags.ReportDiagnostics);
        context.RegisterCompilationStartAction(Start);
    }

    private void Start(CompilationStartAnalysisContext start)
    {
        bool external = AnalyzerSettings.Text(start.Options.AnalyzerConfigOptionsProvider.GlobalOptions, "external_annotations", "on") != "off";
        ExternalAnnotations annotations = external ? ExternalAnnotations.Load(start.Options.AdditionalFiles, start.CancellationToken) : ExternalAnnotations.None;
        var session = new AnalysisSession(start.Compilation, start.Options, annotations, BodySkipped, start.CancellationToken);
        if (!session.HasAnnotations)
        {
            start.RegisterCodeBlockAction(session.CodeBlock);
            return;
        }

        start.RegisterOperationBlockAction(session.OperationBlock);
        start.RegisterSymbolAction(session.Symbol, SymbolKind.Method, SymbolKind.Property, SymbolKind.Field, SymbolKind.NamedType);
    }
}
