// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace KvmSharp.Analyzers.Tests;

/// <summary>A diagnostic a sample expects: where it starts, and optionally its exact extent.</summary>
/// <param name="Line">One-based line the diagnostic starts on.</param>
/// <param name="Id">Rule id.</param>
/// <param name="Span">Exact extent, for expectations written as <c>{|KS1001:text|}</c>.</param>
public sealed record Expectation(int Line, string Id, TextSpan? Span = null);

/// <summary>
/// A piece of C# with its expectations written into it.
/// Forms: <c>// KS1001 KS1003</c> at the end of a line, <c>{|KS1001:span|}</c>, and in the leading comments
/// <c>// broken</c>, <c>// option: key = value</c> (as from .editorconfig), <c>// global option: key = value</c> (as from .globalconfig),
/// <c>// nullable: disable</c>, <c>// path: Name.g.cs</c> and <c>// annotation: documentation-id : attributes</c> (an external annotation entry).
/// </summary>
public sealed partial class Sample
{
    private Sample(string name, string source, ImmutableArray<Expectation> expected)
    {
        this.Name = name;
        this.Source = source;
        this.Expected = expected;
    }

    /// <summary>Gets the name, a path below the sample folder.</summary>
    public string Name { get; }

    /// <summary>Gets the source without span marks.</summary>
    public string Source { get; }

    /// <summary>Gets what must be reported, and nothing else.</summary>
    public ImmutableArray<Expectation> Expected { get; }

    /// <summary>Gets a value indicating whether compile errors are part of the sample.</summary>
    public bool Broken { get; private init; }

    /// <summary>Gets the nullable context the sample is compiled in.</summary>
    public NullableContextOptions Nullable { get; private init; } = NullableContextOptions.Enable;

    /// <summary>Gets the file name the compiler sees.</summary>
    public string Path { get; private init; } = "Sample.cs";

    /// <summary>Gets options as .editorconfig gives them.</summary>
    public ImmutableDictionary<string, string> TreeOptions { get; private init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Gets options as .globalconfig gives them.</summary>
    public ImmutableDictionary<string, string> GlobalOptions { get; private init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Gets the text of the external annotation file, or null.</summary>
    public string? ExternalAnnotations { get; private init; }

    /// <summary>Reads a sample from its marked text.</summary>
    /// <param name="name">Name for reports.</param>
    /// <param name="marked">Source with marks.</param>
    /// <returns>The sample.</returns>
    public static Sample Parse(string name, string marked)
    {
        (string source, List<(TextSpan Span, string Id)> spans) = TakeSpanMarks(marked);
        SourceText text = SourceText.From(source);
        var expected = new List<Expectation>();
        foreach ((TextSpan span, string id) in spans)
            expected.Add(new Expectation(text.Lines.GetLineFromPosition(span.Start).LineNumber + 1, id, span));

        bool broken = false;
        var nullable = NullableContextOptions.Enable;
        string path = "Sample.cs";
        var tree = ImmutableDictionary.CreateBuilder<string, string>();
        var global = ImmutableDictionary.CreateBuilder<string, string>();
        var external = new StringBuilder();

        SyntaxNode root = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Preview)).GetRoot();
        foreach (SyntaxTrivia trivia in root.DescendantTrivia(descendIntoTrivia: true))
        {
            if (!trivia.IsKind(SyntaxKind.SingleLineCommentTrivia))
                continue;
            string comment = trivia.ToString()[2..].Trim();
            int line = text.Lines.GetLineFromPosition(trivia.SpanStart).LineNumber + 1;
            if (LineMark().Match(comment) is { Success: true } mark)
            {
                foreach (Capture id in mark.Groups[1].Captures)
                    expected.Add(new Expectation(line, id.Value));
            }
            else if (comment == "broken")
            {
                broken = true;
            }
            else if (Value(comment, "option:") is { } option)
            {
                Split(tree, option);
            }
            else if (Value(comment, "global option:") is { } globalOption)
            {
                Split(global, globalOption);
            }
            else if (Value(comment, "nullable:") is { } mode)
            {
                nullable = Enum.Parse<NullableContextOptions>(mode, ignoreCase: true);
            }
            else if (Value(comment, "path:") is { } file)
            {
                path = file;
            }
            else if (Value(comment, "annotation:") is { } entry)
            {
                external.Append(entry).Append('\n');
            }
        }

        return new Sample(name, source, [.. expected])
        {
            Broken = broken,
            Nullable = nullable,
            Path = path,
            TreeOptions = tree.ToImmutable(),
            GlobalOptions = global.ToImmutable(),
            ExternalAnnotations = external.Length == 0 ? null : external.ToString(),
        };
    }

    private static string? Value(string comment, string key)
        => comment.StartsWith(key, StringComparison.Ordinal) ? comment[key.Length..].Trim() : null;

    private static void Split(ImmutableDictionary<string, string>.Builder into, string option)
    {
        int at = option.IndexOf('=', StringComparison.Ordinal);
        into[option[..at].Trim()] = option[(at + 1)..].Trim();
    }

    private static (string Source, List<(TextSpan Span, string Id)> Spans) TakeSpanMarks(string marked)
    {
        var source = new StringBuilder(marked.Length);
        var open = new Stack<(int Start, string Id)>();
        var spans = new List<(TextSpan Span, string Id)>();
        for (int i = 0; i < marked.Length; i++)
        {
            if (marked[i] == '{' && SpanMark().Match(marked, i) is { Success: true } start && start.Index == i)
            {
                open.Push((source.Length, start.Groups[1].Value));
                i += start.Length - 1;
            }
            else if (open.Count > 0 && marked[i] == '|' && i + 1 < marked.Length && marked[i + 1] == '}')
            {
                (int at, string id) = open.Pop();
                spans.Add((TextSpan.FromBounds(at, source.Length), id));
                i++;
            }
            else
            {
                source.Append(marked[i]);
            }
        }

        if (open.Count > 0)
            throw new FormatException($"span mark of {open.Peek().Id} is not closed");
        return (source.ToString(), spans);
    }

    [GeneratedRegex(@"^(?:(KS\d{4})\s*)+(?:$|--)")]
    private static partial Regex LineMark();

    [GeneratedRegex(@"\{\|(KS\d{4}):")]
    private static partial Regex SpanMark();
}
