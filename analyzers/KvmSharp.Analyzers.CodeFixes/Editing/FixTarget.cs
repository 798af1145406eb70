// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using System.Linq;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace KvmSharp.Analyzers.CodeFixes.Editing;

/// <summary>One diagnostic in one state of its document: everything a fix looks at.</summary>
internal sealed class FixTarget
{
    private readonly ImmutableDictionary<string, string?> properties;

    public FixTarget(
        Document document,
        SourceText text,
        SemanticModel model,
        string id,
        ImmutableDictionary<string, string?> properties,
        TextSpan span,
        CancellationToken cancellation)
    {
        this.Document = document;
        this.Text = text;
        this.Model = model;
        this.Root = model.SyntaxTree.GetRoot(cancellation);
        this.Id = id;
        this.properties = properties;
        this.Span = span;
        this.Cancellation = cancellation;
        this.Token = this.Root.FindToken(span.Start);
        SyntaxNode? exact = this.Token.Parent?.AncestorsAndSelf().TakeWhile(node => node.Span.Length <= span.Length).LastOrDefault(node => node.Span == span);
        this.Node = exact ?? this.Token.Parent ?? this.Root;
    }

    public Document Document { get; }

    public SourceText Text { get; }

    public SemanticModel Model { get; }

    public SyntaxNode Root { get; }

    public string Id { get; }

    public TextSpan Span { get; }

    public CancellationToken Cancellation { get; }

    /// <summary>Gets the token the diagnostic starts with.</summary>
    public SyntaxToken Token { get; }

    /// <summary>Gets the largest node with exactly the reported extent, else the parent of the first token.</summary>
    public SyntaxNode Node { get; }

    /// <summary>Gets the C# expression that names the lock at the reported place, or null.</summary>
    public string? Lock => this.Property("Lock") ?? this.Property("Expression");

    /// <summary>Gets a value indicating whether the lock is needed or held in shared mode only.</summary>
    public bool Shared => this.Property("Mode") == "shared";

    /// <summary>Gets the C# expression that names the reference or folio, or null.</summary>
    public string? Handle => this.Property("Handle");

    /// <summary>Gets the statement the reported place belongs to, or null (initializers, expression bodies).</summary>
    public StatementSyntax? Statement
    {
        get
        {
            for (SyntaxNode? node = this.Node; node is not null; node = node.Parent)
            {
                if (node is BlockSyntax && node != this.Node)
                    return null;
                if (node is StatementSyntax statement and not BlockSyntax)
                    return statement;
                if (node is MemberDeclarationSyntax or AnonymousFunctionExpressionSyntax or ArrowExpressionClauseSyntax)
                    return null;
            }

            return null;
        }
    }

    public string? Property(string name) => this.properties.TryGetValue(name, out string? value) ? value : null;

    /// <summary>An option of the file.</summary>
    /// <param name="key">Key.</param>
    /// <returns>Its value, or null.</returns>
    public string? Option(string key)
        => this.Document.Project.AnalyzerOptions.AnalyzerConfigOptionsProvider.GetOptions(this.Model.SyntaxTree).TryGetValue(key, out string? value) ? value.Trim() : null;

    /// <summary>Binds an expression as if it stood at the reported place.</summary>
    /// <param name="expression">Text of the expression.</param>
    /// <returns>Its type, or null.</returns>
    public ITypeSymbol? TypeOf(string expression)
    {
        ExpressionSyntax parsed = SyntaxFactory.ParseExpression(expression);
        ITypeSymbol? type = this.Model.GetSpeculativeTypeInfo(this.BindingPosition, parsed, SpeculativeBindingOption.BindAsExpression).Type;
        return type is null or IErrorTypeSymbol ? null : type;
    }

    /// <summary>Binds an expression as if it stood at the reported place.</summary>
    /// <param name="expression">Expression.</param>
    /// <returns>The symbol it names, or null.</returns>
    public ISymbol? SymbolOf(ExpressionSyntax expression)
        => this.Model.GetSpeculativeSymbolInfo(this.BindingPosition, expression, SpeculativeBindingOption.BindAsExpression).Symbol;

    /// <summary>Gets a position inside the body, also for a diagnostic on its closing brace.</summary>
    public int BindingPosition => this.Token.IsKind(SyntaxKind.CloseBraceToken) ? this.Token.SpanStart - 1 : this.Span.Start;
}
