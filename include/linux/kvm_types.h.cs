// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/kvm_types.h, Linux 6.18.
namespace Linux;

/// <summary>Guest frame number. Has no conversion to the other kinds of number but through a memslot.</summary>
/// <param name="Value">Frame number, 4 KiB units.</param>
internal readonly record struct gfn_t(ulong Value) : IComparable<gfn_t>
{
    public static gfn_t operator +(gfn_t a, ulong n) => new(a.Value + n);

    public static gfn_t operator -(gfn_t a, ulong n) => new(a.Value - n);

    public static ulong operator -(gfn_t a, gfn_t b) => a.Value - b.Value;

    public static gfn_t operator ++(gfn_t a) => new(a.Value + 1);

    public static bool operator <(gfn_t a, gfn_t b) => a.Value < b.Value;

    public static bool operator >(gfn_t a, gfn_t b) => a.Value > b.Value;

    public static bool operator <=(gfn_t a, gfn_t b) => a.Value <= b.Value;

    public static bool operator >=(gfn_t a, gfn_t b) => a.Value >= b.Value;

    public int CompareTo(gfn_t other) => Value.CompareTo(other.Value);

    public override string ToString() => $"gfn {Value:x}";
}

/// <summary>Guest physical address.</summary>
/// <param name="Value">Byte address.</param>
internal readonly record struct gpa_t(ulong Value)
{
    public static gpa_t operator +(gpa_t a, ulong n) => new(a.Value + n);

    public static gpa_t operator -(gpa_t a, ulong n) => new(a.Value - n);

    public override string ToString() => $"gpa {Value:x}";
}

/// <summary>Host virtual address in the user space of the process that owns the VM.</summary>
/// <param name="Value">Byte address, or a KVM_HVA_ERR_* value.</param>
internal readonly record struct hva_t(ulong Value)
{
    public static hva_t operator +(hva_t a, ulong n) => new(a.Value + n);

    public override string ToString() => $"hva {Value:x}";
}

/// <summary>Host page frame number, or one of the KVM_PFN_ERR_* values.</summary>
/// <param name="Value">Frame number, 4 KiB units.</param>
internal readonly record struct kvm_pfn_t(ulong Value)
{
    public static kvm_pfn_t operator +(kvm_pfn_t a, ulong n) => new(a.Value + n);

    public override string ToString() => $"pfn {Value:x}";
}

internal static class KvmTypesH
{
    internal static readonly gpa_t INVALID_GPA = new(ulong.MaxValue);

    internal static gfn_t gpa_to_gfn(gpa_t gpa) => new(gpa.Value >> MmH.PAGE_SHIFT);

    internal static gpa_t gfn_to_gpa(gfn_t gfn) => new(gfn.Value << MmH.PAGE_SHIFT);
}
