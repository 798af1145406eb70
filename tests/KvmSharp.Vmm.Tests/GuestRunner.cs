// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using KvmSharp.Arch.X86;
using KvmSharp.Arch.X86.Tests.Guest;

namespace KvmSharp.Vmm.Tests;

/// <summary>Boots a <see cref="GuestProgram"/> on a flat machine, one thread for each vCPU.</summary>
internal static unsafe class GuestRunner
{
    private const long Budget = 2_000_000_000;

    public static FlatVm Boot(GuestProgram program, GuestBoot boot, out X86ExitKind[] exits)
    {
        var vm = new FlatVm(boot.MemoryBytes);
        foreach (GuestChunk chunk in program.Chunks)
            vm.Load(chunk.Address, chunk.Bytes.Span);
        var results = new X86ExitKind[boot.Vcpus];
        Thread[] threads = [.. Enumerable.Range(0, boot.Vcpus).Select(i => new Thread(() =>
        {
            var state = new X86VcpuState();
            state.ResetToLongMode(program.Entry, GuestProgram.BootTables);
            state.Rdi = GuestProgram.BootInfo;
            state.Rsi = (ulong)i;
            results[i] = new X86Interpreter().Run(state, new FlatBus(state, vm) { ApicId = (uint)i }, Budget);
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        exits = results;
        return vm;
    }

    public static ulong Info(FlatVm vm, int offset) => vm.Word(GuestProgram.BootInfo + (ulong)offset);
}
