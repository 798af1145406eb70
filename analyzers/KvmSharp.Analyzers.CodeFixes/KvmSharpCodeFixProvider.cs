// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Generic;
using System.Collections.Immutable;
using System.Composition;
using System.Globalization;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using KvmSharp.Analyzers.CodeFixes.Editing;
using KvmSharp.Analyzers.CodeFixes.Fixes;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.Text;

namespace KvmSharp.Analyzers.CodeFixes;

/// <summary>Offers the ways out of every KS diagnostic that has one.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(KvmSharpCodeFixProvider))]
[Shared]
public sealed class KvmSharpCodeFixProvider : CodeFixProvider
{
    private static readonly ImmutableArray<Fix> Fixes = ImmutableArray.Create<Fix>(
        new AddMustHold(),
        new WrapInLock(),
        new AddMustNotHold(),
        new MoveAfterRelease(),
        new RemoveRelease(),
        new InsertRelease(),
        new ConvertToUsing(),
        new ConvertToTryFinally(),
        new AddAcquisition(),
        new DropAttribute(),
        new SwapAcquisitions(),
        new ReturnCopy(),
        new InsertDrop(),
        new AddReturnsReference(),
        new RemoveDrop(),
        new InsertGet(),
        new InsertFlush(),
        new AssignAndTest(),
        new DiscardResult(),
        new InsertErrorTest(),
        new NegateErrno(),
        new NearestName(),
        new CopyBaseContract());

    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds { get; } = Fixes.SelectMany(fix => fix.Ids).Distinct().OrderBy(id => id).ToImmutableArray();

    /// <inheritdoc/>
    public override FixAllProvider GetFixAllProvider() => new InTurn();

    /// <inheritdoc/>
    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SourceText text = await context.Document.GetTextAsync(context.CancellationToken).ConfigureAwait(false);
        SemanticModel? model = await context.Document.GetSemanticModelAsync(context.CancellationToken).ConfigureAwait(false);
        if (model is null)
            return;
        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            var target = new FixTarget(context.Document, text, model, diagnostic.Id, diagnostic.Properties, diagnostic.Location.SourceSpan, context.CancellationToken);
            foreach (Fix fix in Fixes.Where(fix => fix.Ids.Contains(diagnostic.Id)))
            {
                if (fix.Apply(target) is not { } edits)
                    continue;
                string title = string.Format(CultureInfo.InvariantCulture, fix.Title, target.Handle ?? target.Lock);
                context.RegisterCodeFix(
                    CodeAction.Create(title, _ => Task.FromResult(context.Document.WithText(text.WithChanges(edits.Changes))), fix.Key),
                    diagnostic);
            }
        }
    }

    /// <summary>
    /// Fixes the diagnostics of a document one after the other, last one first, each against the text the one before left:
    /// two of them may ask for the same attribute or wrap the same statements.
    /// </summary>
    private sealed class InTurn : DocumentBasedFixAllProvider
    {
        protected override async Task<Document?> FixAllAsync(FixAllContext fixAllContext, Document document, ImmutableArray<Diagnostic> diagnostics)
        {
            Fix? fix = Fixes.FirstOrDefault(candidate => candidate.Key == fixAllContext.CodeActionEquivalenceKey);
            if (fix is null)
                return document;
            List<Pending> left = diagnostics.Where(diagnostic => fix.Ids.Contains(diagnostic.Id)).Select(diagnostic => new Pending(diagnostic)).OrderBy(pending => pending.Span.Start).ToList();
            while (left.Count > 0)
            {
                Pending pending = left[left.Count - 1];
                left.RemoveAt(left.Count - 1);
                CancellationToken cancellation = fixAllContext.CancellationToken;
                SourceText text = await document.GetTextAsync(cancellation).ConfigureAwait(false);
                SemanticModel? model = await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false);
                if (model is null)
                    return document;
                var target = new FixTarget(document, text, model, pending.Diagnostic.Id, pending.Diagnostic.Properties, pending.Span, cancellation);
                if (fix.Apply(target) is not { } edits || edits.Changes.Count == 0)
                    continue;
                document = document.WithText(text.WithChanges(edits.Changes));
                left.RemoveAll(other => !other.Move(edits.Changes));
            }

            return document;
        }

        private sealed class Pending
        {
            public Pending(Diagnostic diagnostic)
            {
                this.Diagnostic = diagnostic;
                this.Span = diagnostic.Location.SourceSpan;
            }

            public Diagnostic Diagnostic { get; }

            public TextSpan Span { get; private set; }

            /// <summary>Follows the changes; false when they replaced the place itself.</summary>
            /// <param name="changes">Changes, in order.</param>
            /// <returns>Whether the place still exists.</returns>
            public bool Move(IReadOnlyList<TextChange> changes)
            {
                int shift = 0;
                int grow = 0;
                foreach (TextChange change in changes)
                {
                    int delta = (change.NewText?.Length ?? 0) - change.Span.Length;
                    if (change.Span.End <= this.Span.Start)
                        shift += delta;
                    else if (this.Span.Contains(change.Span) && change.Span.Start > this.Span.Start)
                        grow += delta;
                    else if (change.Span.IntersectsWith(this.Span) && change.Span.Start < this.Span.End)
                        return false;
                }

                this.Span = new TextSpan(this.Span.Start + shift, this.Span.Length + grow);
                return true;
            }
        }
    }
}
