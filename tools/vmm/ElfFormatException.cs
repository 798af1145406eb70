// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Vmm;

/// <summary>A guest file is not an ELF64 image that can be booted. The message names the file, the offset and the field in one line.</summary>
public sealed class ElfFormatException : Exception
{
    /// <summary>Initializes a new instance of the <see cref="ElfFormatException"/> class.</summary>
    /// <param name="file">The file as the user named it.</param>
    /// <param name="offset">Offset in bytes of the field in the file.</param>
    /// <param name="field">Name of the field in the ELF specification.</param>
    /// <param name="problem">What is wrong with it.</param>
    public ElfFormatException(string file, ulong offset, string field, string problem)
        : base($"{file}: offset 0x{offset:x}: {field}: {problem}")
    {
        File = file;
        Offset = offset;
        Field = field;
    }

    /// <summary>Gets the file as the user named it.</summary>
    public string File { get; }

    /// <summary>Gets the offset in bytes of the field that was refused.</summary>
    public ulong Offset { get; }

    /// <summary>Gets the name of the field that was refused.</summary>
    public string Field { get; }
}
