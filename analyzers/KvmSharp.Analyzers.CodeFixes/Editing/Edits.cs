// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace KvmSharp.Analyzers.CodeFixes.Editing;

/// <summary>
/// Changes of text that keep what they do not mean to change: comments, blank lines, the width of an indentation.
/// Text and not trees, because a moved tree takes its trivia along and a re-formatted one loses it.
/// </summary>
internal sealed class Edits
{
    private readonly FixTarget target;
    private readonly List<TextChange> changes = new();

    public Edits(FixTarget target)
    {
        this.target = target;
        this.NewLine = target.Text.Lines.Count > 1 && target.Text.ToString(TextSpan.FromBounds(target.Text.Lines[0].End, target.Text.Lines[0].EndIncludingLineBreak)) is { Length: > 0 } line
            ? line
            : "\n";
    }

    public string NewLine { get; }

    public IReadOnlyList<TextChange> Changes => this.changes.OrderBy(change => change.Span.Start).ToList();

    public Edits Insert(int position, string text) => this.Replace(new TextSpan(position, 0), text);

    public Edits Replace(TextSpan span, string text)
    {
        this.changes.Add(new TextChange(span, text));
        return this;
    }

    /// <summary>White space at the start of the line a position is on.</summary>
    /// <param name="position">Position.</param>
    /// <returns>The indentation.</returns>
    public string IndentAt(int position)
    {
        string line = this.target.Text.Lines.GetLineFromPosition(position).ToString();
        return line.Substring(0, line.Length - line.TrimStart().Length);
    }

    /// <summary>One level more than an indentation.</summary>
    /// <param name="indent">Indentation.</param>
    /// <returns>The deeper one.</returns>
    public static string Deeper(string indent) => indent.EndsWith("\t", StringComparison.Ordinal) ? indent + "\t" : indent + "    ";

    public bool IsFirstOnLine(int position)
    {
        TextLine line = this.target.Text.Lines.GetLineFromPosition(position);
        return string.IsNullOrWhiteSpace(this.target.Text.ToString(TextSpan.FromBounds(line.Start, position)));
    }

    /// <summary>Merges insertions at one place and lets a removal win over what lies inside it.</summary>
    /// <returns>This.</returns>
    public Edits WithoutOverlaps()
    {
        // At one place text goes before a removal, while the indentation of a line that goes is swallowed by it.
        List<TextChange> ordered = this.changes.OrderBy(change => change.Span.Start)
            .ThenBy(change => change.Span.IsEmpty && !string.IsNullOrWhiteSpace(change.NewText) ? 0 : 1)
            .ThenByDescending(change => change.Span.Length).ToList();
        this.changes.Clear();
        foreach (TextChange change in ordered)
        {
            if (this.changes.Count > 0 && this.changes[this.changes.Count - 1] is var before && change.Span.Start < before.Span.End)
            {
                if (change.Span.End > before.Span.End)
                    this.changes[this.changes.Count - 1] = new TextChange(TextSpan.FromBounds(before.Span.Start, change.Span.End), before.NewText + change.NewText);
                continue;
            }

            this.changes.Add(change);
        }

        return this;
    }

    /// <summary>Puts statements before a statement; an embedded one gets braces.</summary>
    /// <param name="statement">Statement.</param>
    /// <param name="lines">Statements to put before it.</param>
    /// <returns>This.</returns>
    public Edits InsertBefore(StatementSyntax statement, params string[] lines)
    {
        string indent = this.IndentAt(statement.SpanStart);
        bool ownLine = this.IsFirstOnLine(statement.SpanStart);
        if (statement.Parent is BlockSyntax or SwitchSectionSyntax or GlobalStatementSyntax or LabeledStatementSyntax)
        {
            string between = ownLine ? this.NewLine + indent : " ";
            return this.Insert(statement.SpanStart, string.Concat(lines.Select(line => line + between)));
        }

        return ownLine ? this.Embrace(statement, lines, Array.Empty<string>()) : this.Insert(statement.SpanStart, "{ " + string.Join(" ", lines) + " ").Insert(statement.Span.End, " }");
    }

    /// <summary>Puts statements at the end of a block.</summary>
    /// <param name="block">Block.</param>
    /// <param name="lines">Statements.</param>
    /// <returns>This.</returns>
    public Edits InsertAtEnd(BlockSyntax block, params string[] lines)
    {
        SyntaxToken close = block.CloseBraceToken;
        if (!this.IsFirstOnLine(close.SpanStart))
            return this.Insert(close.SpanStart, (char.IsWhiteSpace(this.target.Text[close.SpanStart - 1]) ? string.Empty : " ") + string.Join(" ", lines) + " ");
        TextLine line = this.target.Text.Lines.GetLineFromPosition(close.SpanStart);
        string indent = Deeper(this.IndentAt(close.SpanStart));
        return this.Insert(line.Start, string.Concat(lines.Select(text => indent + text + this.NewLine)));
    }

    /// <summary>Removes a statement with its line; a comment on the line above stays.</summary>
    /// <param name="statement">Statement.</param>
    /// <returns>This.</returns>
    public Edits Remove(StatementSyntax statement)
    {
        if (statement.Parent is BlockSyntax or SwitchSectionSyntax or GlobalStatementSyntax)
            return this.Replace(this.WholeLine(statement.Span), string.Empty);
        if (!this.IsFirstOnLine(statement.SpanStart))
            return this.Replace(statement.Span, "{ }");
        string outer = this.IndentAt(statement.Parent!.SpanStart);
        TextLine line = this.target.Text.Lines.GetLineFromPosition(statement.SpanStart);
        return this.Replace(TextSpan.FromBounds(line.Start, statement.Span.End), outer + "{" + this.NewLine + outer + "}");
    }

    /// <summary>Replaces an expression body by a block of statements.</summary>
    /// <param name="arrow">The arrow and its expression.</param>
    /// <param name="lines">Lines of the block, relative to its inside.</param>
    /// <returns>This.</returns>
    public Edits ReplaceBody(ArrowExpressionClauseSyntax arrow, params string[] lines)
    {
        SyntaxNode owner = arrow.Parent!;
        string indent = this.IndentAt(owner.GetFirstToken().SpanStart);
        bool property = owner is PropertyDeclarationSyntax or IndexerDeclarationSyntax;
        var text = new List<string> { indent + "{" };
        string inner = Deeper(indent);
        if (property)
        {
            text.Add(inner + "get");
            text.Add(inner + "{");
            text.AddRange(lines.Select(line => Deeper(inner) + line));
            text.Add(inner + "}");
        }
        else
        {
            text.AddRange(lines.Select(line => inner + line));
        }

        text.Add(indent + "}");
        SyntaxToken last = owner.GetLastToken();
        int start = arrow.ArrowToken.GetPreviousToken().Span.End;
        return this.Replace(TextSpan.FromBounds(start, last.Span.End), this.NewLine + string.Join(this.NewLine, text));
    }

    /// <summary>Puts a run of statements one level deeper between two lots of lines.</summary>
    /// <param name="first">First statement.</param>
    /// <param name="last">Last statement, in the same list.</param>
    /// <param name="before">Lines before; the last one normally opens a brace.</param>
    /// <param name="after">Lines after.</param>
    /// <returns>This.</returns>
    public Edits Wrap(StatementSyntax first, StatementSyntax last, IReadOnlyList<string> before, IReadOnlyList<string> after)
    {
        if (!this.IsFirstOnLine(first.SpanStart))
            return this.Insert(first.SpanStart, string.Join(" ", before) + " ").Insert(last.Span.End, " " + string.Join(" ", after));
        bool embedded = first.Parent is not (BlockSyntax or SwitchSectionSyntax or GlobalStatementSyntax);
        string indent = this.IndentAt(first.SpanStart);
        if (embedded && before.Count > 1)
        {
            return this.Embrace(first, before, after);
        }

        TextLine firstLine = this.target.Text.Lines.GetLineFromPosition(first.SpanStart);
        TextLine lastLine = this.target.Text.Lines.GetLineFromPosition(last.Span.End);
        this.Replace(TextSpan.FromBounds(firstLine.Start, first.SpanStart), string.Concat(before.Select(line => indent + line + this.NewLine)) + Deeper(indent));
        this.Deepen(firstLine.LineNumber + 1, lastLine.LineNumber);
        return this.Insert(lastLine.End, string.Concat(after.Select(line => this.NewLine + indent + line)));
    }

    private Edits Embrace(StatementSyntax statement, IReadOnlyList<string> before, IReadOnlyList<string> after)
    {
        string indent = this.IndentAt(statement.SpanStart);
        string outer = this.IndentAt(statement.Parent!.SpanStart);
        TextLine firstLine = this.target.Text.Lines.GetLineFromPosition(statement.SpanStart);
        TextLine lastLine = this.target.Text.Lines.GetLineFromPosition(statement.Span.End);
        bool opens = before.Count > 0 && before[before.Count - 1] == "{";
        string inner = opens ? Deeper(indent) : indent;
        this.Replace(
            TextSpan.FromBounds(firstLine.Start, statement.SpanStart),
            outer + "{" + this.NewLine + string.Concat(before.Select(line => indent + line + this.NewLine)) + inner);
        if (opens)
            this.Deepen(firstLine.LineNumber + 1, lastLine.LineNumber);
        return this.Insert(lastLine.End, string.Concat(after.Select(line => this.NewLine + indent + line)) + this.NewLine + outer + "}");
    }

    /// <summary>Moves lines one level in, except those that start inside a string.</summary>
    private void Deepen(int from, int to)
    {
        for (int i = from; i <= to; i++)
        {
            TextLine line = this.target.Text.Lines[i];
            if (string.IsNullOrWhiteSpace(line.ToString()))
                continue;
            SyntaxToken token = this.target.Root.FindToken(line.Start);
            bool inString = token.SpanStart < line.Start
                && token.Kind() is SyntaxKind.StringLiteralToken or SyntaxKind.MultiLineRawStringLiteralToken or SyntaxKind.InterpolatedStringTextToken
                    or SyntaxKind.Utf8StringLiteralToken or SyntaxKind.Utf8MultiLineRawStringLiteralToken;
            if (!inString)
                this.Insert(line.Start, line.ToString().StartsWith("\t", StringComparison.Ordinal) ? "\t" : "    ");
        }
    }

    private TextSpan WholeLine(TextSpan span)
    {
        TextLine first = this.target.Text.Lines.GetLineFromPosition(span.Start);
        TextLine last = this.target.Text.Lines.GetLineFromPosition(span.End);
        bool alone = string.IsNullOrWhiteSpace(this.target.Text.ToString(TextSpan.FromBounds(first.Start, span.Start)))
            && string.IsNullOrWhiteSpace(this.target.Text.ToString(TextSpan.FromBounds(span.End, last.End)));
        if (alone)
            return TextSpan.FromBounds(first.Start, last.EndIncludingLineBreak);
        int end = span.End;
        while (this.IsFirstOnLine(span.Start) && end < last.End && char.IsWhiteSpace(this.target.Text[end]))
            end++;
        return TextSpan.FromBounds(span.Start, end);
    }
}
