// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/secretmem.h, Linux 6.18.
namespace Linux;

internal static class SecretmemH
{
    /// <summary>Whether the mapping is one of memfd_secret(). Where the mapping's flag exists, that says it too.</summary>
    internal static bool secretmem_mapping(address_space mapping) => ReferenceEquals(mapping.a_ops, Secretmem.secretmem_aops);
}
