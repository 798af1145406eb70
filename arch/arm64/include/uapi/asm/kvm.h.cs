// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/include/uapi/asm/kvm.h, Linux 6.18.
namespace Linux;

/// <summary>arm64's part of KVM's user interface.</summary>
internal static class Arm64UapiKvm
{
    internal const uint KVM_GET_ONE_REG = 0x4010AEAB;
    internal const uint KVM_SET_ONE_REG = 0x4010AEAC;
    internal const uint KVM_ARM_VCPU_INIT = 0x4020AEAE;
    internal const uint KVM_ARM_PREFERRED_TARGET = 0x8020AEAF;

    internal const uint KVM_ARM_TARGET_GENERIC_V8 = 5;
    internal const int KVM_CAP_ONE_REG = 70;
    internal const int KVM_CAP_ARM_PSCI = 87;
    internal const int KVM_CAP_ARM_PSCI_0_2 = 102;
    internal const int KVM_CAP_ARM_VM_IPA_SIZE = 165;
    internal const int KVM_CAP_ARM_MTE = 205;

    internal const uint KVM_EXIT_SYSTEM_EVENT = 24;
    internal const uint KVM_SYSTEM_EVENT_SHUTDOWN = 1;

    internal const ulong KVM_VM_TYPE_ARM_IPA_SIZE_MASK = 0xff;

    internal const ulong KVM_REG_ARM64 = 0x6000_0000_0000_0000;
    internal const ulong KVM_REG_SIZE_U64 = 0x0030_0000_0000_0000;
    internal const ulong KVM_REG_ARM_CORE = 0x0010_0000;

    /// <summary>Index of a core register: offset into the structure of registers in units of 4 bytes.</summary>
    internal const ulong KVM_REG_ARM_CORE_PC = 64;

    internal const ulong PSCI_0_2_FN_PSCI_VERSION = 0x84000000;
    internal const ulong PSCI_0_2_FN_SYSTEM_OFF = 0x84000008;
    internal const ulong KVM_ARM_PSCI_1_3 = 0x10003;
}

[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential, Size = 16)]
internal struct kvm_one_reg
{
    internal ulong id;
    internal ulong addr;
}

[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Sequential, Size = 32)]
internal unsafe struct kvm_vcpu_init
{
    internal uint target;
    internal fixed uint features[7];
}
