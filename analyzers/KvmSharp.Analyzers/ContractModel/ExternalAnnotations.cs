// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>Attributes from <c>*.ksannotations.txt</c> for members of assemblies that cannot be edited.</summary>
internal sealed class ExternalAnnotations
{
    internal static readonly ExternalAnnotations None = new(new Dictionary<string, List<Entry>>());

    private const string Suffix = ".ksannotations.txt";

    private readonly Dictionary<string, List<Entry>> _entries;

    private ExternalAnnotations(Dictionary<string, List<Entry>> entries) => _entries = entries;

    internal bool IsEmpty => _entries.Count == 0;

    internal IEnumerable<string> Ids => _entries.Keys;

    internal static ExternalAnnotations Load(ImmutableArray<AdditionalText> files, CancellationToken token)
    {
        Dictionary<string, List<Entry>>? entries = null;
        foreach (AdditionalText file in files)
        {
            if (!file.Path.EndsWith(Suffix, StringComparison.OrdinalIgnoreCase) || file.GetText(token) is not { } text)
                continue;
            entries ??= new Dictionary<string, List<Entry>>(StringComparer.Ordinal);
            foreach (TextLine line in text.Lines)
                ParseLine(line.ToString(), entries);
        }

        return entries is null ? None : new ExternalAnnotations(entries);
    }

    internal List<AttributeInfo>? For(ISymbol symbol, bool onReturn)
    {
        if (_entries.Count == 0 || symbol is IParameterSymbol or ILocalSymbol || symbol.GetDocumentationCommentId() is not { } id || !_entries.TryGetValue(id, out var found))
            return null;
        List<AttributeInfo>? list = null;
        foreach (Entry e in found)
        {
            if (e.OnReturn == onReturn)
                (list ??= new List<AttributeInfo>()).Add(e.Attribute);
        }

        return list;
    }

    // The separator is the first ':' with blanks around it, or the first one after the documentation id's own prefix.
    private static void ParseLine(string line, Dictionary<string, List<Entry>> entries)
    {
        string s = line.Trim();
        if (s.Length < 4 || s[0] == '#' || s.StartsWith("//", StringComparison.Ordinal))
            return;
        int cut = s.IndexOf(" : ", StringComparison.Ordinal);
        if (cut >= 0)
            cut++;
        else
            cut = s.IndexOf(':', 2);
        if (cut < 0)
            return;
        string id = s.Substring(0, cut).Trim();
        string attributes = s.Substring(cut + 1).Trim();
        if (attributes.Length == 0)
            return;
        if (attributes[0] != '[')
            attributes = "[" + attributes + "]";
        var unit = SyntaxFactory.ParseCompilationUnit(attributes + " class C { }");
        foreach (MemberDeclarationSyntax m in unit.Members)
        {
            foreach (AttributeListSyntax l in m.AttributeLists)
            {
                bool onReturn = l.Target?.Identifier.ValueText == "return";
                foreach (AttributeSyntax a in l.Attributes)
                {
                    if (!entries.TryGetValue(id, out var list))
                        entries.Add(id, list = new List<Entry>());
                    list.Add(new Entry(Read(a), onReturn));
                }
            }
        }
    }

    private static AttributeInfo Read(AttributeSyntax a)
    {
        string name = a.Name is QualifiedNameSyntax q ? q.Right.Identifier.ValueText : a.Name is SimpleNameSyntax n ? n.Identifier.ValueText : a.Name.ToString();
        if (name.EndsWith("Attribute", StringComparison.Ordinal))
            name = name.Substring(0, name.Length - 9);
        var strings = ImmutableArray.CreateBuilder<string?>();
        var named = ImmutableArray.CreateBuilder<(string, object?)>();
        bool when = true;
        if (a.ArgumentList is { } args)
        {
            foreach (AttributeArgumentSyntax arg in args.Arguments)
            {
                object? value = arg.Expression is LiteralExpressionSyntax lit ? lit.Token.Value : null;
                if (arg.NameEquals is { } ne)
                    named.Add((ne.Name.Identifier.ValueText, value));
                else if (value is bool b)
                    when = b;
                else
                    strings.Add(value as string);
            }
        }

        return new AttributeInfo(name, strings.ToImmutable(), when, named.ToImmutable(), null);
    }

    private readonly struct Entry
    {
        internal Entry(AttributeInfo attribute, bool onReturn)
        {
            Attribute = attribute;
            OnReturn = onReturn;
        }

        internal AttributeInfo Attribute { get; }

        internal bool OnReturn { get; }
    }
}
