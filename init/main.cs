// SPDX-License-Identifier: GPL-2.0-only
// Mirrors init/main.c, Linux 6.18.
#pragma warning disable SA1300 // names of Linux
using KvmSharp.Machine;

namespace Linux;

/// <summary>The one place that puts a machine, an architecture and the subsystems together.</summary>
internal static class Main
{
    /// <summary>Boots a kernel. The machine belongs to the caller and must outlive it.</summary>
    /// <exception cref="KernelOops">The machine has too little memory to boot on.</exception>
    internal static Kernel start_kernel(KvmSharp.Machine.Machine machine, Arch arch, DirectMapStrategy strategy, KernelConfig config)
    {
        var kernel = new Kernel(machine, config) { arch = arch, direct_map = strategy };
        try
        {
            kernel.RunTask(
                () =>
                {
                    Memblock.setup_arch_memory(kernel);
                    arch.paging_init(kernel);
                    MmInit.mm_core_init(kernel);
                    foreach (Cpu cpu in machine.Cpus)
                        arch.cpu_init(kernel, cpu);
                    do_basic_setup(kernel);
                },
                "swapper");
        }
        catch
        {
            kernel.Dispose();
            throw;
        }

        return kernel;
    }

    private static void do_basic_setup(Kernel kernel)
    {
        Initcall(UserMm.Init(kernel), nameof(UserMm));
        Initcall(AnonInodes.anon_inode_init(kernel), nameof(AnonInodes.anon_inode_init));
        Initcall(KvmMain.kvm_init(kernel), nameof(KvmMain.kvm_init));
        kernel.system_state = system_states.SYSTEM_RUNNING;
    }

    private static void Initcall(int ret, string name)
    {
        if (ret != 0)
            throw new KernelOops($"initcall {name} returned {Errno.Name(ret)}");
    }
}
