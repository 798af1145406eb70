// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/include/uapi/asm/kvm.h, Linux 6.18.
using System.Runtime.InteropServices;

namespace Linux;

internal static class X86UapiKvm
{
    internal const ulong KVM_X86_DEFAULT_VM = 0;
    internal const ulong KVM_X86_SW_PROTECTED_VM = 1;
    internal const ulong KVM_X86_SEV_VM = 2;
    internal const ulong KVM_X86_SEV_ES_VM = 3;
    internal const ulong KVM_X86_SNP_VM = 4;
    internal const ulong KVM_X86_TDX_VM = 5;

    internal const ulong KVM_X86_QUIRK_SLOT_ZAP_ALL = 1 << 7;
    internal const ulong KVM_X86_VALID_QUIRKS = 0xff;

    internal const int KVM_CAP_IRQCHIP = 0;
    internal const int KVM_CAP_EXT_CPUID = 7;
    internal const int KVM_CAP_DISABLE_QUIRKS = 116;
    internal const int KVM_CAP_EXIT_HYPERCALL = 201;
    internal const int KVM_CAP_DISABLE_QUIRKS2 = 213;

    internal const uint MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00;
    internal const uint MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01;

    internal const ulong KVM_HC_MAP_GPA_RANGE = 12;
    internal const ulong KVM_ENOSYS = 1000;
}

[StructLayout(LayoutKind.Sequential, Size = 144)]
internal struct kvm_regs
{
    internal ulong rax;
    internal ulong rbx;
    internal ulong rcx;
    internal ulong rdx;
    internal ulong rsi;
    internal ulong rdi;
    internal ulong rsp;
    internal ulong rbp;
    internal ulong r8;
    internal ulong r9;
    internal ulong r10;
    internal ulong r11;
    internal ulong r12;
    internal ulong r13;
    internal ulong r14;
    internal ulong r15;
    internal ulong rip;
    internal ulong rflags;
}

[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct kvm_segment
{
    internal ulong @base;
    internal uint limit;
    internal ushort selector;
    internal byte type;
    internal byte present;
    internal byte dpl;
    internal byte db;
    internal byte s;
    internal byte l;
    internal byte g;
    internal byte avl;
    internal byte unusable;
    internal byte padding;
}

[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct kvm_dtable
{
    internal ulong @base;
    internal ushort limit;
}

[StructLayout(LayoutKind.Sequential, Size = 312)]
internal unsafe struct kvm_sregs
{
    internal kvm_segment cs;
    internal kvm_segment ds;
    internal kvm_segment es;
    internal kvm_segment fs;
    internal kvm_segment gs;
    internal kvm_segment ss;
    internal kvm_segment tr;
    internal kvm_segment ldt;
    internal kvm_dtable gdt;
    internal kvm_dtable idt;
    internal ulong cr0;
    internal ulong cr2;
    internal ulong cr3;
    internal ulong cr4;
    internal ulong cr8;
    internal ulong efer;
    internal ulong apic_base;
    internal fixed ulong interrupt_bitmap[4];
}

[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct kvm_msr_entry
{
    internal uint index;
    internal uint reserved;
    internal ulong data;
}

/// <summary>Head of the argument of KVM_GET_MSRS and KVM_SET_MSRS; the entries follow.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct kvm_msrs
{
    internal uint nmsrs;
    internal uint pad;
}
