// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using System.Text;
using KvmSharp.Analyzers.CodeFixes;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace KvmSharp.Analyzers.Tests;

/// <summary>Applies code fixes in a workspace, as an editor would.</summary>
public static class FixVerifier
{
    private const string Second = "namespace Second;\n\n";

    /// <summary>Makes a solution of one or two projects, each with the sample and, in a namespace of its own, the sample again.</summary>
    /// <param name="sample">Sample.</param>
    /// <param name="projects">How many projects.</param>
    /// <param name="second">Whether the second copy is there.</param>
    /// <returns>The solution; dispose its workspace.</returns>
    public static Solution Open(Sample sample, int projects, bool second = true)
    {
        bool program = CSharpSyntaxTree.ParseText(sample.Source, Verifier.Parse).GetRoot().ChildNodes().Any(node => node is GlobalStatementSyntax);
        Solution solution = new AdhocWorkspace().CurrentSolution;
        for (int i = 0; i < projects; i++)
        {
            ProjectId id = ProjectId.CreateNewId();
            string root = $"/p{i}/";
            solution = solution.AddProject(ProjectInfo.Create(
                id,
                VersionStamp.Default,
                "P" + i,
                "P" + i,
                LanguageNames.CSharp,
                compilationOptions: new CSharpCompilationOptions(program ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable),
                parseOptions: Verifier.Parse,
                metadataReferences: Verifier.References));
            string options = "root = true\n[*.cs]\n" + string.Concat(sample.GlobalOptions.Concat(sample.TreeOptions).Select(option => $"{option.Key} = {option.Value}\n"));
            solution = solution.AddAnalyzerConfigDocument(DocumentId.CreateNewId(id), ".editorconfig", SourceText.From(options), filePath: root + ".editorconfig");
            foreach ((string name, string text) in new[]
            {
                ("Sample.cs", sample.Source), ("Second.cs", second ? Second + sample.Source : string.Empty), ("Annotations.cs", Resources.Read("Annotations.cs")),
                ("GlobalUsings.cs", Verifier.Usings), ("Prelude.cs", Resources.Read("Samples/Prelude.cs")),
            })
                solution = solution.AddDocument(DocumentId.CreateNewId(id), name, SourceText.From(text, Encoding.UTF8), filePath: root + name);
        }

        return solution;
    }

    /// <summary>Diagnostics of a document, or of all documents.</summary>
    /// <param name="project">Project.</param>
    /// <param name="document">Document, or null.</param>
    /// <returns>The diagnostics.</returns>
    public static async Task<ImmutableArray<Diagnostic>> AnalyzeAsync(Project project, Document? document = null)
    {
        Compilation compilation = (await project.GetCompilationAsync().ConfigureAwait(false))!;
        CompilationWithAnalyzers run = compilation.WithAnalyzers([new KvmSharpAnalyzer()], project.AnalyzerOptions);
        ImmutableArray<Diagnostic> found = await run.GetAnalyzerDiagnosticsAsync(CancellationToken.None).ConfigureAwait(false);
        SyntaxTree? tree = document is null ? null : await document.GetSyntaxTreeAsync().ConfigureAwait(false);
        return document is null ? found : [.. found.Where(diagnostic => diagnostic.Location.SourceTree == tree)];
    }

    /// <summary>The errors the compiler finds in a project.</summary>
    /// <param name="project">Project.</param>
    /// <returns>The errors.</returns>
    public static async Task<ImmutableArray<Diagnostic>> ErrorsAsync(Project project) => Verifier.Errors((await project.GetCompilationAsync().ConfigureAwait(false))!);

    /// <summary>The fixes offered for a diagnostic.</summary>
    /// <param name="document">Document.</param>
    /// <param name="diagnostic">Diagnostic.</param>
    /// <returns>The fixes.</returns>
    public static async Task<IReadOnlyList<CodeAction>> OffersAsync(Document document, Diagnostic diagnostic)
    {
        var offers = new List<CodeAction>();
        await new KvmSharpCodeFixProvider().RegisterCodeFixesAsync(new CodeFixContext(document, diagnostic, (action, _) => offers.Add(action), CancellationToken.None)).ConfigureAwait(false);
        return offers;
    }

    /// <summary>What the solution is after a fix.</summary>
    /// <param name="action">Fix.</param>
    /// <returns>The solution.</returns>
    public static async Task<Solution> ApplyAsync(CodeAction action)
        => (await action.GetOperationsAsync(CancellationToken.None).ConfigureAwait(false)).OfType<ApplyChangesOperation>().Single().ChangedSolution;

    /// <summary>Fixes everything in a scope.</summary>
    /// <param name="document">Document to start from.</param>
    /// <param name="scope">Scope.</param>
    /// <param name="id">Rule.</param>
    /// <param name="key">Fix.</param>
    /// <returns>The solution.</returns>
    public static async Task<Solution> FixAllAsync(Document document, FixAllScope scope, string id, string key)
    {
        var provider = new KvmSharpCodeFixProvider();
        var context = new FixAllContext(document, provider, scope, key, [id], new Source(id), CancellationToken.None);
        CodeAction? action = await provider.GetFixAllProvider().GetFixAsync(context).ConfigureAwait(false);
        return action is null ? document.Project.Solution : await ApplyAsync(action).ConfigureAwait(false);
    }

    private sealed class Source(string id) : FixAllContext.DiagnosticProvider
    {
        public override async Task<IEnumerable<Diagnostic>> GetAllDiagnosticsAsync(Project project, CancellationToken cancellationToken)
            => (await AnalyzeAsync(project).ConfigureAwait(false)).Where(diagnostic => diagnostic.Id == id);

        public override async Task<IEnumerable<Diagnostic>> GetDocumentDiagnosticsAsync(Document document, CancellationToken cancellationToken)
            => (await AnalyzeAsync(document.Project, document).ConfigureAwait(false)).Where(diagnostic => diagnostic.Id == id);

        public override Task<IEnumerable<Diagnostic>> GetProjectDiagnosticsAsync(Project project, CancellationToken cancellationToken)
            => Task.FromResult(Enumerable.Empty<Diagnostic>());
    }
}
