// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;

namespace KvmSharp.Analyzers.ContractModel;

/// <summary>One word of a lock expression.</summary>
internal readonly struct PathSegment
{
    internal PathSegment(string name, bool isCall)
    {
        Name = name;
        IsCall = isCall;
    }

    internal string Name { get; }

    internal bool IsCall { get; }

    internal bool IsStar => Name == "*";
}

/// <summary>Stage one: a lock expression as text, cut into its words. Nothing is resolved here.</summary>
internal sealed class LockPath
{
    private LockPath(string text, ImmutableArray<PathSegment> segments, string? error)
    {
        Text = text;
        Segments = segments;
        Error = error;
    }

    internal string Text { get; }

    internal ImmutableArray<PathSegment> Segments { get; }

    internal string? Error { get; }

    internal bool IsStar => Segments.Length == 1 && Segments[0].IsStar;

    internal static LockPath Parse(string? text)
    {
        if (text is null)
            return Fail(string.Empty, "the expression is null");
        string trimmed = text.Trim();
        if (trimmed.Length == 0)
            return Fail(text, "the expression is empty");
        var segments = ImmutableArray.CreateBuilder<PathSegment>();
        foreach (string raw in trimmed.Split('.'))
        {
            string word = raw.Trim();
            if (word == "*")
            {
                segments.Add(new PathSegment("*", false));
                continue;
            }

            bool call = word.EndsWith("()", System.StringComparison.Ordinal);
            string name = call ? word.Substring(0, word.Length - 2).TrimEnd() : word;
            if (!IsIdentifier(name))
                return Fail(text, word.Length == 0 ? "a name is missing" : "'" + word + "' is not a name");
            segments.Add(new PathSegment(name, call));
        }

        if (segments.Count > 1 && segments[0].IsStar)
            return Fail(text, "'*' cannot start a path");
        return new LockPath(trimmed, segments.ToImmutable(), null);
    }

    private static LockPath Fail(string text, string error) => new(text, ImmutableArray<PathSegment>.Empty, error);

    private static bool IsIdentifier(string name)
    {
        if (name.Length == 0 || !(char.IsLetter(name[0]) || name[0] == '_'))
            return false;
        foreach (char c in name)
        {
            if (!char.IsLetterOrDigit(c) && c != '_')
                return false;
        }

        return true;
    }
}
