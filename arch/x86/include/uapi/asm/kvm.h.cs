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
    internal const ulong KVM_X86_VALID_QUIRKS = 0x5ff;

    internal const int KVM_CAP_IRQCHIP = 0;
    internal const int KVM_CAP_EXT_CPUID = 7;
    internal const int KVM_CAP_DISABLE_QUIRKS = 116;
    internal const int KVM_CAP_EXIT_HYPERCALL = 201;
    internal const int KVM_CAP_DISABLE_QUIRKS2 = 213;
    internal const int KVM_CAP_MMU_SHADOW_CACHE_CONTROL = 2;
    internal const int KVM_CAP_SET_TSS_ADDR = 4;
    internal const int KVM_CAP_VAPIC = 6;
    internal const int KVM_CAP_CLOCKSOURCE = 8;
    internal const int KVM_CAP_PIT = 11;
    internal const int KVM_CAP_NOP_IO_DELAY = 12;
    internal const int KVM_CAP_MP_STATE = 14;
    internal const int KVM_CAP_COALESCED_MMIO = 15;
    internal const int KVM_CAP_USER_NMI = 22;
    internal const int KVM_CAP_SET_GUEST_DEBUG = 23;
    internal const int KVM_CAP_REINJECT_CONTROL = 24;
    internal const int KVM_CAP_IRQ_ROUTING = 25;
    internal const int KVM_CAP_IRQ_INJECT_STATUS = 26;
    internal const int KVM_CAP_MCE = 31;
    internal const int KVM_CAP_IRQFD = 32;
    internal const int KVM_CAP_PIT2 = 33;
    internal const int KVM_CAP_SET_BOOT_CPU_ID = 34;
    internal const int KVM_CAP_PIT_STATE2 = 35;
    internal const int KVM_CAP_IOEVENTFD = 36;
    internal const int KVM_CAP_SET_IDENTITY_MAP_ADDR = 37;
    internal const int KVM_CAP_ADJUST_CLOCK = 39;
    internal const int KVM_CAP_VCPU_EVENTS = 41;
    internal const int KVM_CAP_INTR_SHADOW = 47;
    internal const int KVM_CAP_DEBUGREGS = 50;
    internal const int KVM_CAP_X86_ROBUST_SINGLESTEP = 51;
    internal const int KVM_CAP_ENABLE_CAP = 54;
    internal const int KVM_CAP_XSAVE = 55;
    internal const int KVM_CAP_XCRS = 56;
    internal const int KVM_CAP_ASYNC_PF = 59;
    internal const int KVM_CAP_GET_TSC_KHZ = 61;
    internal const int KVM_CAP_ONE_REG = 70;
    internal const int KVM_CAP_TSC_DEADLINE_TIMER = 72;
    internal const int KVM_CAP_SYNC_REGS = 74;
    internal const int KVM_CAP_KVMCLOCK_CTRL = 76;
    internal const int KVM_CAP_SIGNAL_MSI = 77;
    internal const int KVM_CAP_IRQFD_RESAMPLE = 82;
    internal const int KVM_CAP_DEVICE_CTRL = 89;
    internal const int KVM_CAP_EXT_EMUL_CPUID = 95;
    internal const int KVM_CAP_IOAPIC_POLARITY_IGNORED = 97;
    internal const int KVM_CAP_IOEVENTFD_NO_LENGTH = 100;
    internal const int KVM_CAP_SPLIT_IRQCHIP = 121;
    internal const int KVM_CAP_IOEVENTFD_ANY_LENGTH = 122;
    internal const int KVM_CAP_VCPU_ATTRIBUTES = 127;
    internal const int KVM_CAP_X2APIC_API = 129;
    internal const int KVM_CAP_X86_DISABLE_EXITS = 143;
    internal const int KVM_CAP_GET_MSR_FEATURES = 153;
    internal const int KVM_CAP_MSR_PLATFORM_INFO = 159;
    internal const int KVM_CAP_COALESCED_PIO = 162;
    internal const int KVM_CAP_EXCEPTION_PAYLOAD = 164;
    internal const int KVM_CAP_PMU_EVENT_FILTER = 173;
    internal const int KVM_CAP_ASYNC_PF_INT = 183;
    internal const int KVM_CAP_LAST_CPU = 184;
    internal const int KVM_CAP_SMALLER_MAXPHYADDR = 185;
    internal const int KVM_CAP_STEAL_TIME = 187;
    internal const int KVM_CAP_X86_USER_SPACE_MSR = 188;
    internal const int KVM_CAP_X86_MSR_FILTER = 189;
    internal const int KVM_CAP_ENFORCE_PV_FEATURE_CPUID = 190;
    internal const int KVM_CAP_X86_BUS_LOCK_EXIT = 193;
    internal const int KVM_CAP_SET_GUEST_DEBUG2 = 195;
    internal const int KVM_CAP_VM_COPY_ENC_CONTEXT_FROM = 197;
    internal const int KVM_CAP_SREGS2 = 200;
    internal const int KVM_CAP_BINARY_STATS_FD = 203;
    internal const int KVM_CAP_EXIT_ON_EMULATION_FAILURE = 204;
    internal const int KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM = 206;
    internal const int KVM_CAP_XSAVE2 = 208;
    internal const int KVM_CAP_SYS_ATTRIBUTES = 209;
    internal const int KVM_CAP_SYSTEM_EVENT_DATA = 215;
    internal const int KVM_CAP_X86_TRIPLE_FAULT_EVENT = 218;
    internal const int KVM_CAP_PMU_EVENT_MASKED_EVENTS = 226;
    internal const int KVM_CAP_X86_APIC_BUS_CYCLES_NS = 237;
    internal const int KVM_CAP_X86_GUEST_MODE = 238;

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
