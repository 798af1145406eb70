// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KvmSharp.Analyzers.Tests.Engine;

/// <summary>The analyzer meets code no compiler would accept: samples with words taken out, doubled, swapped, or put where they do not belong.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class FuzzTests
{
    private static readonly string[] Words =
    [
        "return", "await", "yield return", "break;", "continue;", "throw;", "lock (this) {", "}", "{", "if (", "else", "try {", "finally {", "catch {", "ref", "out",
        "this", "null", "default", "using var g =", "=>", "?.", "??", "goto out;", "out:", "while (true)", "foreach (var q in", "switch (x) {", "case 1:", "is { } z", "!",
        "[MustHold(\"*\")]", "[Acquires(\"return\")]", "[GuardedBy(\"_mu\")]", "[GuardedBy(null)]", "[CondAcquires(true)]", "static", "async", "stackalloc", "checked(", "fixed (",
    ];

    [Test]
    public async Task NothingThrows([Range(1, 60)] int seed)
    {
        var random = new Random(seed);
        string[] names = [.. Resources.Samples];
        string name = names[random.Next(names.Length)];
        string text = Resources.Read(name);
        for (int i = random.Next(1, 6); i > 0; i--)
            text = Mutate(text, random);
        Sample sample = Sample.Parse(name, text);
        ImmutableArray<Diagnostic> found = await Run(sample).ConfigureAwait(false);
        Assert.That(found.Select(d => d.Id), Has.None.EqualTo("AD0001"));
    }

    [Test]
    public async Task TheSameInputGivesTheSameReportsInTheSameOrder([Range(1, 5)] int seed)
    {
        var random = new Random(seed);
        string[] names = [.. Resources.Samples];
        string name = names[random.Next(names.Length)];
        Sample sample = Sample.Parse(name, Resources.Read(name));
        ImmutableArray<Diagnostic> first = await Run(sample).ConfigureAwait(false);
        ImmutableArray<Diagnostic> second = await Run(sample).ConfigureAwait(false);
        Assert.That(first.Select(d => d.ToString()).Order(), Is.EqualTo(second.Select(d => d.ToString()).Order()));
    }

    [Test]
    public async Task SourcesOfTheTreeAreSurvivedAloneAndDamaged([Range(1, 10)] int seed)
    {
        var random = new Random(seed);
        string[] files = Sources();
        string file = files[random.Next(files.Length)];
        string text = Unmarked(await File.ReadAllTextAsync(file).ConfigureAwait(false));
        for (int i = random.Next(0, 6); i > 0; i--)
            text = Mutate(text, random);
        Assert.That((await Run(Sample.Parse(file, text)).ConfigureAwait(false)).Select(d => d.Id), Has.None.EqualTo("AD0001"));
    }

    [Test]
    public async Task WithoutTheAttributesOnlyLocksOfNetAreSpokenOf([Range(1, 10)] int seed)
    {
        var random = new Random(seed);
        string[] files = Sources();
        string file = files[random.Next(files.Length)];
        ImmutableArray<Diagnostic> found = await RunPlain(await File.ReadAllTextAsync(file).ConfigureAwait(false), file).ConfigureAwait(false);
        Assert.That(found.Where(d => !d.Id.StartsWith("KS1", StringComparison.Ordinal)), Is.Empty, file);
    }

    /// <summary>
    /// The long run, over every source of the tree, each as it is, without the attributes, and damaged. Not part of a normal run:
    /// <c>KVMSHARP_FUZZ_ROUNDS=20 dotnet test tests/KvmSharp.Analyzers.Tests --filter Name=LongRun</c>.
    /// </summary>
    /// <returns>A task.</returns>
    [Test]
    public async Task LongRun()
    {
        if (!int.TryParse(Environment.GetEnvironmentVariable("KVMSHARP_FUZZ_ROUNDS"), out int rounds))
            Assert.Ignore("KVMSHARP_FUZZ_ROUNDS is not set");
        int runs = 0;
        string root = Environment.GetEnvironmentVariable("KVMSHARP_FUZZ_SOURCES") ?? string.Empty;
        string[] files = root.Length == 0 ? Sources() : Directory.GetFiles(root, "*.cs", SearchOption.AllDirectories);
        foreach (string file in files)
        {
            string original = Unmarked(await File.ReadAllTextAsync(file).ConfigureAwait(false));
            ImmutableArray<Diagnostic> plain = await RunPlain(original, file).ConfigureAwait(false);
            Assert.That(plain.Where(d => !d.Id.StartsWith("KS1", StringComparison.Ordinal)), Is.Empty, file);
            for (int round = 0; round <= rounds; round++)
            {
                var random = new Random(round);
                string text = original;
                for (int i = round == 0 ? 0 : random.Next(1, 8); i > 0; i--)
                    text = Mutate(text, random);
                ImmutableArray<Diagnostic> found = await Run(Sample.Parse(file, text)).ConfigureAwait(false);
                Assert.That(found.Select(d => d.Id), Has.None.EqualTo("AD0001"), file + " round " + round);
                runs++;
            }
        }

        await TestContext.Out.WriteLineAsync($"{runs} runs over {files.Length} files").ConfigureAwait(false);
    }

    // Span marks of samples that are damaged are no marks.
    private static string Unmarked(string text) => text.Replace("{|", "{ ", StringComparison.Ordinal).Replace("|}", " }", StringComparison.Ordinal);

    private static string[] Sources()
    {
        string root = typeof(FuzzTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "RepoRoot").Value!;
        string[] files = [.. Directory.GetFiles(root, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))];
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    // What the attributes say is not known here, so that this is code without annotations, and code with errors.
    private static async Task<ImmutableArray<Diagnostic>> RunPlain(string text, string file)
    {
        Sample empty = Sample.Parse(file, string.Empty);
        SyntaxTree tree = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Preview), file);
        CSharpCompilation compilation = Verifier.Compile(empty).RemoveAllSyntaxTrees().AddSyntaxTrees(tree)
            .WithReferences(Verifier.References.Where(static r => r.Display?.Contains("KvmSharp", StringComparison.Ordinal) != true));
        ImmutableArray<Diagnostic> found = await compilation.WithAnalyzers([new KvmSharpAnalyzer()]).GetAnalyzerDiagnosticsAsync().ConfigureAwait(false);
        return found;
    }

    private static Task<ImmutableArray<Diagnostic>> Run(Sample sample)
        => Verifier.AnalyzeAsync(new KvmSharpAnalyzer(), sample, Verifier.Compile(sample, ("Prelude.cs", Resources.Read("Samples/Prelude.cs"))));

    private static string Mutate(string text, Random random)
    {
        SyntaxToken[] tokens = [.. CSharpSyntaxTree.ParseText(text).GetRoot().DescendantTokens().Where(t => !t.IsKind(SyntaxKind.EndOfFileToken))];
        if (tokens.Length < 3)
            return text;
        SyntaxToken at = tokens[random.Next(tokens.Length)], other = tokens[random.Next(tokens.Length)];
        var b = new StringBuilder(text);
        switch (random.Next(5))
        {
            case 0:
                b.Remove(at.SpanStart, at.Span.Length);
                break;
            case 1:
                b.Insert(at.SpanStart, at.Text + " ");
                break;
            case 2:
                b.Remove(at.SpanStart, at.Span.Length).Insert(at.SpanStart, other.Text);
                break;
            case 3:
                b.Insert(at.SpanStart, Words[random.Next(Words.Length)] + " ");
                break;
            default:
                int length = Math.Min(random.Next(1, 60), b.Length - at.SpanStart);
                b.Remove(at.SpanStart, length);
                break;
        }

        return b.ToString();
    }
}
