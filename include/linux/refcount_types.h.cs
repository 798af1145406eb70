// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/refcount_types.h, Linux 6.18.
namespace Linux;

/// <summary>
/// A reference count that saturates instead of wrapping.
///   0            the object is gone or going; nobody may take a reference
///   1..INT_MAX   that many references
///   negative     saturated after misuse: the object is leaked on purpose
/// </summary>
internal struct refcount_t
{
    internal atomic_t refs;

    public override readonly string ToString() => this.refs.ToString();
}
