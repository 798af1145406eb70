// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace KvmSharp.Analyzers.Tests;

/// <summary>Compiles a sample, runs an analyzer over it and compares what it says with what the sample expects.</summary>
public static class Verifier
{
    /// <summary>Namespaces every sample sees.</summary>
    public const string Usings = """
        global using System;
        global using System.Collections;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using KvmSharp.Annotations;
        """;

    /// <summary>How samples are parsed.</summary>
    public static readonly CSharpParseOptions Parse = new(LanguageVersion.Preview, DocumentationMode.Parse);

    private static readonly Lazy<ImmutableArray<MetadataReference>> Platform = new(() =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(System.IO.Path.PathSeparator)
            .Where(path => System.IO.Path.GetFileName(path) is var name
                && (name.StartsWith("System.", StringComparison.Ordinal) || name is "netstandard.dll" or "mscorlib.dll")
                && !name.StartsWith("System.CommandLine", StringComparison.Ordinal))
            .Select(path => (MetadataReference)MetadataReference.CreateFromFile(path))]);

    private static readonly Lazy<SyntaxTree> Annotations = new(() => Tree(Resources.Read("Annotations.cs"), "Annotations.cs"));

    private static readonly Lazy<SyntaxTree> GlobalUsings = new(() => Tree(Usings, "GlobalUsings.cs"));

    /// <summary>Gets the platform's assemblies as references.</summary>
    public static ImmutableArray<MetadataReference> References => Platform.Value;

    /// <summary>Compiles a sample together with the annotations' source and the given shared sources.</summary>
    /// <param name="sample">Sample.</param>
    /// <param name="shared">Further sources, by file name.</param>
    /// <returns>The compilation.</returns>
    public static CSharpCompilation Compile(Sample sample, params (string Path, string Source)[] shared)
    {
        SyntaxTree tree = Tree(sample.Source, sample.Path);
        bool program = tree.GetRoot().ChildNodes().OfType<GlobalStatementSyntax>().Any();
        return CSharpCompilation.Create(
            "Sample",
            [tree, Annotations.Value, GlobalUsings.Value, .. shared.Select(file => Tree(file.Source, file.Path))],
            References,
            new CSharpCompilationOptions(program ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary)
                .WithAllowUnsafe(true)
                .WithNullableContextOptions(sample.Nullable)
                .WithConcurrentBuild(true));
    }

    /// <summary>Errors the compiler itself finds.</summary>
    /// <param name="compilation">Compilation.</param>
    /// <returns>The errors.</returns>
    public static ImmutableArray<Diagnostic> Errors(Compilation compilation)
        => [.. compilation.GetDiagnostics().Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)];

    /// <summary>Runs an analyzer over a compiled sample.</summary>
    /// <param name="analyzer">Analyzer.</param>
    /// <param name="sample">Sample, for its options.</param>
    /// <param name="compilation">The sample's compilation.</param>
    /// <returns>All KS diagnostics, in the order of the compiler.</returns>
    /// <exception cref="InvalidOperationException">The analyzer threw.</exception>
    public static async Task<ImmutableArray<Diagnostic>> AnalyzeAsync(DiagnosticAnalyzer analyzer, Sample sample, Compilation compilation)
    {
        var thrown = new ConcurrentQueue<string>();
        CompilationWithAnalyzers run = compilation.WithAnalyzers([analyzer], new CompilationWithAnalyzersOptions(
            new AnalyzerOptions(AdditionalTexts(sample), new Options(sample)),
            onAnalyzerException: (exception, _, diagnostic) => thrown.Enqueue(diagnostic.GetMessage(CultureInfo.InvariantCulture) + "\n" + exception),
            concurrentAnalysis: true,
            logAnalyzerExecutionTime: false));
        ImmutableArray<Diagnostic> found = await run.GetAnalyzerDiagnosticsAsync(CancellationToken.None).ConfigureAwait(false);
        if (!thrown.IsEmpty)
            throw new InvalidOperationException("the analyzer threw: " + string.Join("\n", thrown));
        if (found.FirstOrDefault(diagnostic => diagnostic.Id == "AD0001") is { } crash)
            throw new InvalidOperationException("the analyzer threw: " + crash.GetMessage(CultureInfo.InvariantCulture));
        return found;
    }

    /// <summary>Compares expectations with reports; lines and ids count, several reports of an id on a line count once.</summary>
    /// <param name="sample">Sample.</param>
    /// <param name="found">What was reported.</param>
    /// <returns>Null when they agree, else what differs.</returns>
    public static string? Compare(Sample sample, ImmutableArray<Diagnostic> found)
    {
        var wanted = sample.Expected.Select(expected => (expected.Line, expected.Id)).ToHashSet();
        var got = found.Select(diagnostic => (Line: LineOf(sample, diagnostic), diagnostic.Id)).ToHashSet();
        var report = new StringBuilder();
        foreach ((int line, string id) in wanted.Except(got).Order())
            report.AppendLine(CultureInfo.InvariantCulture, $"  missing {id} on line {line}: {LineText(sample, line)}");
        foreach (Diagnostic diagnostic in found.Where(diagnostic => !wanted.Contains((LineOf(sample, diagnostic), diagnostic.Id))))
        {
            int line = LineOf(sample, diagnostic);
            string where = line < 0 ? diagnostic.Location.ToString() : LineText(sample, line);
            report.AppendLine(CultureInfo.InvariantCulture, $"  extra   {diagnostic.Id} on line {line}: {where}   [{diagnostic.GetMessage(CultureInfo.InvariantCulture)}]");
        }

        foreach (Expectation expected in sample.Expected.Where(expected => expected.Span is not null))
        {
            Diagnostic[] near = [.. found.Where(diagnostic => diagnostic.Id == expected.Id && LineOf(sample, diagnostic) == expected.Line)];
            if (near.Length > 0 && !near.Any(diagnostic => diagnostic.Location.SourceSpan == expected.Span))
            {
                string texts = string.Join("', '", near.Select(diagnostic => sample.Source.Substring(diagnostic.Location.SourceSpan.Start, diagnostic.Location.SourceSpan.Length)));
                report.AppendLine(CultureInfo.InvariantCulture, $"  span of {expected.Id} on line {expected.Line} is '{texts}'");
            }
        }

        return report.Length == 0 ? null : report.ToString();
    }

    private static int LineOf(Sample sample, Diagnostic diagnostic)
        => diagnostic.Location.SourceTree?.FilePath == sample.Path ? diagnostic.Location.GetLineSpan().StartLinePosition.Line + 1 : -1;

    private static string LineText(Sample sample, int line)
        => line < 0 ? string.Empty : SourceText.From(sample.Source).Lines[line - 1].ToString().Trim();

    private static SyntaxTree Tree(string source, string path)
        => CSharpSyntaxTree.ParseText(SourceText.From(source, Encoding.UTF8), Parse, path);

    private static ImmutableArray<AdditionalText> AdditionalTexts(Sample sample)
        => sample.ExternalAnnotations is { } text ? [new Text("sample.ksannotations.txt", text)] : [];

    private sealed class Text(string path, string text) : AdditionalText
    {
        public override string Path => path;

        public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(text, Encoding.UTF8);
    }

    /// <summary>As the compiler does it: a tree sees both kinds of file, the compilation sees the global one.</summary>
    private sealed class Options(Sample sample) : AnalyzerConfigOptionsProvider
    {
        public override AnalyzerConfigOptions GlobalOptions { get; } = new Map(sample.GlobalOptions);

        private AnalyzerConfigOptions Trees { get; } = new Map(sample.GlobalOptions.SetItems(sample.TreeOptions));

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => this.Trees;

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => this.GlobalOptions;
    }

    private sealed class Map(ImmutableDictionary<string, string> values) : AnalyzerConfigOptions
    {
        private readonly ImmutableDictionary<string, string> values = values.WithComparers(KeyComparer);

        public override IEnumerable<string> Keys => this.values.Keys;

        public override bool TryGetValue(string key, [NotNullWhen(true)] out string? value) => this.values.TryGetValue(key, out value);
    }
}
