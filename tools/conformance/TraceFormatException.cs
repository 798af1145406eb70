// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance;

/// <summary>A trace that cannot be read: which file, line and field, and why.</summary>
public sealed class TraceFormatException : Exception
{
    internal TraceFormatException(string file, int line, string? field, string reason)
        : base(field is null ? $"{file}:{line}: {reason}" : $"{file}:{line}: field '{field}': {reason}")
    {
        File = file;
        Line = line;
        Field = field;
        Reason = reason;
    }

    /// <summary>Gets the file's path.</summary>
    public string File { get; }

    /// <summary>Gets the line, from 1.</summary>
    public int Line { get; }

    /// <summary>Gets the field, or null where the line as a whole is wrong.</summary>
    public string? Field { get; }

    /// <summary>Gets what is wrong with it.</summary>
    public string Reason { get; }
}
