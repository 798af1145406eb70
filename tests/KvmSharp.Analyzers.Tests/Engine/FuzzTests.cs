// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

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
