// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/mm/fault.c, Linux 6.18.
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Linux;

/// <summary>Bits of the error code that the CPU pushes.</summary>
[Flags]
internal enum x86_pf_error_code : uint
{
    /// <summary>The entries do not allow the access; clear: one is not present.</summary>
    X86_PF_PROT = 1 << 0,
    X86_PF_WRITE = 1 << 1,
    X86_PF_USER = 1 << 2,
    X86_PF_RSVD = 1 << 3,
    X86_PF_INSTR = 1 << 4,
}

internal sealed unsafe partial class X86Arch
{
    /// <summary>Shape of the kernel's tables. Interrupts stay on: the holder flushes other CPUs.</summary>
    internal readonly spinlock_t pgd_lock;

    /// <summary>Frees of kernel page tables (for writing) against those who walk them without pgd_lock.</summary>
    [AcquiredBefore(nameof(cpa_lock))]
    internal readonly rw_semaphore init_mm_mmap_lock;
}

internal static unsafe class X86Fault
{
    /// <summary>
    /// A fault on an address of the kernel's half, taken in the kernel.
    /// </summary>
    /// <returns>True if the access shall be tried again: another CPU gave more rights, and this one's translation is old.</returns>
    internal static bool do_kern_addr_fault(X86Arch arch, uint hw_error_code, ulong address)
    {
        if (spurious_kernel_fault(arch, hw_error_code, address))
            return true;
        kernelmode_fixup_or_oops(arch, hw_error_code, address);
        return false;
    }

    /// <summary>Whether the entries allow, by now, what the fault says they do not.</summary>
    internal static bool spurious_kernel_fault(X86Arch arch, uint error_code, ulong address)
    {
        // Only rights can come late, as nothing is cached of entries that are not present; and a reserved bit is never right.
        if (error_code != (uint)(x86_pf_error_code.X86_PF_WRITE | x86_pf_error_code.X86_PF_PROT)
            && error_code != (uint)(x86_pf_error_code.X86_PF_INSTR | x86_pf_error_code.X86_PF_PROT))
            return false;
        pte_t* pte = SetMemory.lookup_address_in_pgd_attr(arch, arch.swapper_pg_dir, address, out _, out bool nx, out bool rw);
        if (pte == null)
            return false;
        pte_t val = ptep_get(pte);
        if ((val.val & _PAGE_PRESENT) == 0)
            return false;
        if ((error_code & (uint)x86_pf_error_code.X86_PF_WRITE) != 0 && !(rw && pte_write(val)))
            return false;
        return (error_code & (uint)x86_pf_error_code.X86_PF_INSTR) == 0 || (!nx && pte_exec(val));
    }

    /// <summary>No access of the kernel to its own half has a fixup, so this oopses.</summary>
    [DoesNotReturn]
    internal static void kernelmode_fixup_or_oops(X86Arch arch, uint error_code, ulong address) => page_fault_oops(arch, error_code, address);

    [DoesNotReturn]
    internal static void page_fault_oops(X86Arch arch, uint error_code, ulong address)
    {
        var text = new StringBuilder();
        show_fault_oops(arch, text, error_code, address);
        throw new KernelOops($"BUG: unable to handle page fault for address: {address:x16}", text.ToString());
    }

    // What the message of a real oops tells, and where the address belongs in the model.
    private static void show_fault_oops(X86Arch arch, StringBuilder text, uint error_code, ulong address)
    {
        bool user = (error_code & (uint)x86_pf_error_code.X86_PF_USER) != 0;
        bool instr = (error_code & (uint)x86_pf_error_code.X86_PF_INSTR) != 0;
        bool write = (error_code & (uint)x86_pf_error_code.X86_PF_WRITE) != 0;
        bool prot = (error_code & (uint)x86_pf_error_code.X86_PF_PROT) != 0;
        bool rsvd = (error_code & (uint)x86_pf_error_code.X86_PF_RSVD) != 0;
        text.Append($"#PF: {(user ? "user" : "supervisor")} {(instr ? "instruction fetch" : write ? "write access" : "read access")} in kernel mode\n");
        text.Append($"#PF: error_code(0x{error_code:x4}) - {(rsvd ? "reserved bit violation" : prot ? "permissions violation" : "not-present page")}\n");
        dump_pagetable(arch, text, address);
        if (arch.pfn_of_direct_map(address, out ulong pfn))
            text.Append($"address is the direct map of page frame 0x{pfn:x}\n");
    }

    private static void dump_pagetable(X86Arch arch, StringBuilder text, ulong address)
    {
        string[] names = ["PGD", "PUD", "PMD", "PTE"];
        uint[] index = [pgd_index(address), pud_index(address), pmd_index(address), pte_index(address)];
        ulong table = arch.swapper_pg_dir;
        for (int i = 0; i < names.Length; i++)
        {
            pte_t val = ptep_get((pte_t*)arch.memory.Host(table) + index[i]);
            text.Append($"{names[i]} {val.val:x} ");
            if ((val.val & _PAGE_PRESENT) == 0 || (val.val & _PAGE_PSE) != 0)
                break;
            table = val.val & PTE_PFN_MASK;
        }

        text.Append('\n');
    }
}
