// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/err.h, Linux 6.18.
namespace Linux;

/// <summary>
/// Error pointers. A C pointer carries an object, NULL or a negative errno in one word; a managed reference cannot, so functions that
/// return an object or an error return <see cref="ErrPtr{T}"/>. Native handles (<see cref="folio"/>, <see cref="page"/>) keep C's form.
/// </summary>
internal static class ErrH
{
    internal const int MAX_ERRNO = 4095;

    internal static bool IS_ERR_VALUE(ulong x) => x >= unchecked((ulong)-MAX_ERRNO);

    internal static bool IS_ERR_VALUE(nint x) => IS_ERR_VALUE((ulong)x);

    internal static ErrPtr<T> ERR_PTR<T>(int error)
        where T : class => new(null, error);

    internal static bool IS_ERR<T>(ErrPtr<T> ptr)
        where T : class => ptr.Error != 0;

    internal static int PTR_ERR<T>(ErrPtr<T> ptr)
        where T : class => ptr.Error;

    internal static bool IS_ERR(folio folio) => IS_ERR_VALUE(folio.Word);

    internal static int PTR_ERR(folio folio) => (int)folio.Word;

    internal static bool IS_ERR(page page) => IS_ERR_VALUE(page.Word);

    internal static int PTR_ERR(page page) => (int)page.Word;
}

/// <summary>An object, nothing, or a negative errno.</summary>
/// <typeparam name="T">Type of the object.</typeparam>
internal readonly struct ErrPtr<T>
    where T : class
{
    private readonly T? _object;

    internal ErrPtr(T? @object, int error)
    {
        _object = @object;
        Error = error;
    }

    /// <summary>Zero, or the negative errno.</summary>
    internal int Error { get; }

    internal bool IsError => Error != 0;

    /// <summary>The object; only after a test that this is no error.</summary>
    internal T Value => _object ?? throw new KernelOops($"dereference of error pointer {Errno.Name(Error)}");

    public static implicit operator ErrPtr<T>(T? value) => new(value, 0);
}
