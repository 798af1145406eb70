// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/mm/fault.c, Linux 6.18.
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Linux;

internal static unsafe class Arm64Fault
{
    private const ulong ESR_ELx_EC_IABT_CUR = 0x21;
    private const ulong ESR_ELx_EC_DABT_CUR = 0x25;
    private const int ESR_ELx_EC_SHIFT = 26;
    private const ulong ESR_ELx_IL = 1UL << 25;
    private const ulong ESR_ELx_WNR = 1UL << 6;
    private const ulong ESR_ELx_FSC_TYPE = 0x3c;
    private const ulong ESR_ELx_FSC_FAULT = 0x04;
    private const ulong ESR_ELx_FSC_PERM = 0x0c;

    /// <summary>A fault on an address of the kernel's half, taken in the kernel.</summary>
    /// <returns>True if the access shall be tried again: the entries allow it by now.</returns>
    internal static bool __do_kernel_fault(Arm64Arch arch, in WalkFault fault)
    {
        ulong esr = Esr(in fault);
        if (is_spurious_el1_translation_fault(arch, fault.Address, esr, fault.Kind))
            return true;
        die_kernel_fault(arch, is_el1_permission_fault(esr) ? PermissionMessage(esr) : "paging request", fault.Address, esr, in fault);
        return false;
    }

    /// <summary>Only translation faults can be: rights are never given without a flush.</summary>
    internal static bool is_spurious_el1_translation_fault(Arm64Arch arch, ulong addr, ulong esr, AccessKind kind)
    {
        if ((esr & ESR_ELx_FSC_TYPE) != ESR_ELx_FSC_FAULT)
            return false;
        return arch.machine.Stage1.Walk(arch.swapper_pg_dir, addr, kind, false, out _);
    }

    private static bool is_el1_permission_fault(ulong esr) => (esr & ESR_ELx_FSC_TYPE) == ESR_ELx_FSC_PERM;

    private static string PermissionMessage(ulong esr)
    {
        if ((esr & ESR_ELx_WNR) != 0)
            return "write to read-only memory";
        return esr >> ESR_ELx_EC_SHIFT == ESR_ELx_EC_IABT_CUR ? "execute from non-executable memory" : "read from unreadable memory";
    }

    private static ulong Esr(in WalkFault fault)
    {
        bool fetch = (fault.Kind & AccessKind.KernelExecute) != 0;
        bool write = (fault.Kind & (AccessKind)TlbPermissions.KernelWrite) != 0;
        ulong esr = ((fetch ? ESR_ELx_EC_IABT_CUR : ESR_ELx_EC_DABT_CUR) << ESR_ELx_EC_SHIFT) | ESR_ELx_IL | fault.ArmFaultStatus;
        return write ? esr | ESR_ELx_WNR : esr;
    }

    [DoesNotReturn]
    private static void die_kernel_fault(Arm64Arch arch, string msg, ulong addr, ulong esr, in WalkFault fault)
    {
        var text = new StringBuilder();
        mem_abort_decode(text, esr);
        show_pte(arch, text, addr);
        if (arch.PfnOfLinearMap(addr, out ulong pfn))
            text.Append($"address is the linear map of page frame 0x{pfn:x}\n");
        text.Append($"{fault}\n");
        throw new KernelOops($"Unable to handle kernel {msg} at virtual address {addr:x16}", text.ToString());
    }

    private static void mem_abort_decode(StringBuilder text, ulong esr)
    {
        text.Append("Mem abort info:\n");
        text.Append($"  ESR = 0x{esr:x16}\n");
        text.Append($"  EC = 0x{esr >> ESR_ELx_EC_SHIFT:x2}: {(esr >> ESR_ELx_EC_SHIFT == ESR_ELx_EC_IABT_CUR ? "IABT" : "DABT")} (current EL), IL = 32 bits\n");
        text.Append($"  FSC = 0x{esr & 0x3f:x2}: level {esr & 3} {FaultName(esr)} fault, WnR = {(esr & ESR_ELx_WNR) >> 6}\n");
    }

    private static string FaultName(ulong esr) => (esr & ESR_ELx_FSC_TYPE) switch
    {
        ESR_ELx_FSC_FAULT => "translation",
        ESR_ELx_FSC_PERM => "permission",
        0x08 => "access flag",
        _ => "unknown",
    };

    private static void show_pte(Arm64Arch arch, StringBuilder text, ulong addr)
    {
        string[] names = ["pgd", "pud", "pmd", "pte"];
        uint[] index = [pgd_index(addr), pud_index(addr), pmd_index(addr), pte_index(addr)];
        ulong table = arch.swapper_pg_dir;
        text.Append($"swapper pgtable: 4k pages, {VA_BITS}-bit VAs, pgdp={table:x16}\n[{addr:x16}]");
        for (int i = 0; i < names.Length; i++)
        {
            pte_t val = ptep_get((pte_t*)arch.memory.Host(table) + index[i]);
            text.Append($" {names[i]}={val}");
            if (i == names.Length - 1 || !pmd_table(val))
                break;
            table = val.val & PTE_ADDR_MASK;
        }

        text.Append('\n');
    }
}
