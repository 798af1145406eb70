// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/uapi/linux/kvm.h, Linux 6.18; GUEST_MEMFD_FLAG_NO_DIRECT_MAP follows the direct-map series v12.
namespace Linux;

/// <summary>Numbers of KVM's user interface.</summary>
internal static class UapiKvm
{
    internal const int KVM_API_VERSION = 12;

    internal const uint KVM_GET_API_VERSION = 0xAE00;
    internal const uint KVM_CREATE_VM = 0xAE01;
    internal const uint KVM_CHECK_EXTENSION = 0xAE03;
    internal const uint KVM_GET_VCPU_MMAP_SIZE = 0xAE04;
    internal const uint KVM_CREATE_VCPU = 0xAE41;
    internal const uint KVM_GET_DIRTY_LOG = 0x4010AE42;
    internal const uint KVM_SET_USER_MEMORY_REGION = 0x4020AE46;
    internal const uint KVM_SET_USER_MEMORY_REGION2 = 0x40A0AE49;
    internal const uint KVM_RUN = 0xAE80;
    internal const uint KVM_GET_REGS = 0x8090AE81;
    internal const uint KVM_SET_REGS = 0x4090AE82;
    internal const uint KVM_GET_SREGS = 0x8138AE83;
    internal const uint KVM_SET_SREGS = 0x4138AE84;
    internal const uint KVM_GET_MSRS = 0xC008AE88;
    internal const uint KVM_SET_MSRS = 0x4008AE89;
    internal const uint KVM_ENABLE_CAP = 0x4068AEA3;
    internal const uint KVM_CLEAR_DIRTY_LOG = 0xC018AEC0;
    internal const uint KVM_SET_MEMORY_ATTRIBUTES = 0x4020AED2;
    internal const uint KVM_CREATE_GUEST_MEMFD = 0xC040AED4;
    internal const uint KVM_PRE_FAULT_MEMORY = 0xC040AED5;

    internal const uint KVM_MEM_LOG_DIRTY_PAGES = 1U << 0;
    internal const uint KVM_MEM_READONLY = 1U << 1;
    internal const uint KVM_MEM_GUEST_MEMFD = 1U << 2;

    internal const ulong GUEST_MEMFD_FLAG_MMAP = 1UL << 0;
    internal const ulong GUEST_MEMFD_FLAG_INIT_SHARED = 1UL << 1;
    internal const ulong GUEST_MEMFD_FLAG_NO_DIRECT_MAP = 1UL << 2;

    internal const ulong KVM_MEMORY_ATTRIBUTE_PRIVATE = 1UL << 3;
    internal const ulong KVM_MEMORY_EXIT_FLAG_PRIVATE = 1UL << 3;

    internal const uint KVM_EXIT_UNKNOWN = 0;
    internal const uint KVM_EXIT_EXCEPTION = 1;
    internal const uint KVM_EXIT_IO = 2;
    internal const uint KVM_EXIT_HYPERCALL = 3;
    internal const uint KVM_EXIT_HLT = 5;
    internal const uint KVM_EXIT_MMIO = 6;
    internal const uint KVM_EXIT_SHUTDOWN = 8;
    internal const uint KVM_EXIT_FAIL_ENTRY = 9;
    internal const uint KVM_EXIT_INTR = 10;
    internal const uint KVM_EXIT_INTERNAL_ERROR = 17;
    internal const uint KVM_EXIT_MEMORY_FAULT = 39;

    internal const uint KVM_INTERNAL_ERROR_EMULATION = 1;

    internal const int KVM_CAP_HLT = 1;
    internal const int KVM_CAP_USER_MEMORY = 3;
    internal const int KVM_CAP_NR_VCPUS = 9;
    internal const int KVM_CAP_NR_MEMSLOTS = 10;
    internal const int KVM_CAP_SYNC_MMU = 16;
    internal const int KVM_CAP_DESTROY_MEMORY_REGION_WORKS = 21;
    internal const int KVM_CAP_JOIN_MEMORY_REGIONS_WORKS = 30;
    internal const int KVM_CAP_INTERNAL_ERROR_DATA = 40;
    internal const int KVM_CAP_MAX_VCPUS = 66;
    internal const int KVM_CAP_READONLY_MEM = 81;
    internal const int KVM_CAP_ENABLE_CAP_VM = 98;
    internal const int KVM_CAP_CHECK_EXTENSION_VM = 105;
    internal const int KVM_CAP_MULTI_ADDRESS_SPACE = 118;
    internal const int KVM_CAP_MAX_VCPU_ID = 128;
    internal const int KVM_CAP_IMMEDIATE_EXIT = 136;
    internal const int KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 = 168;
    internal const int KVM_CAP_HALT_POLL = 182;
    internal const int KVM_CAP_DIRTY_LOG_RING = 192;
    internal const int KVM_CAP_VM_DISABLE_NX_HUGE_PAGES = 220;
    internal const int KVM_CAP_DIRTY_LOG_RING_ACQ_REL = 223;
    internal const int KVM_CAP_USER_MEMORY2 = 231;
    internal const int KVM_CAP_MEMORY_FAULT_INFO = 232;
    internal const int KVM_CAP_MEMORY_ATTRIBUTES = 233;
    internal const int KVM_CAP_GUEST_MEMFD = 234;
    internal const int KVM_CAP_VM_TYPES = 235;
    internal const int KVM_CAP_PRE_FAULT_MEMORY = 236;
    internal const int KVM_CAP_GUEST_MEMFD_FLAGS = 244;
}

[StructLayout(LayoutKind.Sequential, Size = 160)]
internal unsafe struct kvm_userspace_memory_region2
{
    internal uint slot;
    internal uint flags;
    internal ulong guest_phys_addr;
    internal ulong memory_size;
    internal ulong userspace_addr;
    internal ulong guest_memfd_offset;
    internal uint guest_memfd;
    internal uint pad1;
    internal fixed ulong pad2[14];
}

[StructLayout(LayoutKind.Sequential, Size = 64)]
internal unsafe struct kvm_create_guest_memfd
{
    internal ulong size;
    internal ulong flags;
    internal fixed ulong reserved[6];
}

[StructLayout(LayoutKind.Sequential, Size = 32)]
internal struct kvm_memory_attributes
{
    internal ulong address;
    internal ulong size;
    internal ulong attributes;
    internal ulong flags;
}

[StructLayout(LayoutKind.Sequential, Size = 64)]
internal unsafe struct kvm_pre_fault_memory
{
    internal ulong gpa;
    internal ulong size;
    internal ulong flags;
    internal fixed ulong padding[5];
}

[StructLayout(LayoutKind.Sequential, Size = 104)]
internal unsafe struct kvm_enable_cap
{
    internal uint cap;
    internal uint flags;
    internal fixed ulong args[4];
    internal fixed byte pad[64];
}

[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct kvm_dirty_log
{
    internal uint slot;
    internal uint padding1;
    internal ulong dirty_bitmap;
}

[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct kvm_clear_dirty_log
{
    internal uint slot;
    internal uint num_pages;
    internal ulong first_page;
    internal ulong dirty_bitmap;
}

/// <summary>The page that a vCPU shares with its owner. The exit union begins at 32.</summary>
[StructLayout(LayoutKind.Explicit, Size = 2352)]
internal unsafe struct kvm_run
{
    [FieldOffset(0)]
    internal byte request_interrupt_window;

    [FieldOffset(1)]
    internal byte immediate_exit;

    [FieldOffset(8)]
    internal uint exit_reason;

    [FieldOffset(12)]
    internal byte ready_for_interrupt_injection;

    [FieldOffset(13)]
    internal byte if_flag;

    [FieldOffset(14)]
    internal ushort flags;

    [FieldOffset(16)]
    internal ulong cr8;

    [FieldOffset(24)]
    internal ulong apic_base;

    [FieldOffset(32)]
    internal byte io_direction;

    [FieldOffset(33)]
    internal byte io_size;

    [FieldOffset(34)]
    internal ushort io_port;

    [FieldOffset(36)]
    internal uint io_count;

    [FieldOffset(40)]
    internal ulong io_data_offset;

    [FieldOffset(32)]
    internal ulong mmio_phys_addr;

    [FieldOffset(40)]
    internal fixed byte mmio_data[8];

    [FieldOffset(48)]
    internal uint mmio_len;

    [FieldOffset(52)]
    internal byte mmio_is_write;

    [FieldOffset(32)]
    internal ulong memory_fault_flags;

    [FieldOffset(40)]
    internal ulong memory_fault_gpa;

    [FieldOffset(48)]
    internal ulong memory_fault_size;

    [FieldOffset(32)]
    internal uint internal_suberror;

    [FieldOffset(36)]
    internal uint internal_ndata;

    [FieldOffset(40)]
    internal ulong internal_flags;

    [FieldOffset(48)]
    internal byte internal_insn_size;

    [FieldOffset(49)]
    internal fixed byte internal_insn_bytes[15];

    [FieldOffset(32)]
    internal ulong hypercall_nr;

    [FieldOffset(40)]
    internal fixed ulong hypercall_args[6];

    [FieldOffset(88)]
    internal ulong hypercall_ret;
}
