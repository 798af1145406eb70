// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Arch.X86.Tests.Guest;

/// <summary>
/// Runs a few bytes of integer code on the CPU of the host, with all registers and flags loaded before and stored after: the oracle of the interpreter.
/// </summary>
internal sealed unsafe partial class HostCpu : IDisposable
{
    private const int MapSize = 0x10000;
    private const int Registers = 0x8000;
    private const int Flags = Registers + 0x80;
    private const int SavedStack = Registers + 0x88;

    private readonly byte* _map;
    private readonly int _testOffset;
    private readonly byte[] _epilogue;

    public HostCpu()
    {
        // PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS.
        nint map = mmap(0, MapSize, 7, 0x22, -1, 0);
        if (map == -1)
            throw new InvalidOperationException("mmap of an executable page failed");
        _map = (byte*)map;
        ulong data = (ulong)map + Registers;

        var a = new Assembler(64);
        foreach (AssemblerRegister64 saved in new[] { rbx, rbp, r12, r13, r14, r15 })
            a.push(saved);
        a.mov(rax, data);
        a.mov(__qword_ptr[rax + (SavedStack - Registers)], rsp);
        a.push(__qword_ptr[rax + (Flags - Registers)]);
        a.popfq();
        AssemblerRegister64[] all = [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15];
        for (int i = 15; i >= 0; i--)
            a.mov(all[i], __qword_ptr[rax + (i * 8)]);
        byte[] prologue = Assemble(a, (ulong)map);
        prologue.CopyTo(new Span<byte>(_map, MapSize));
        _testOffset = prologue.Length;

        var e = new Assembler(64);
        e.AddInstruction(Instruction.Create(Code.Mov_moffs64_RAX, new MemoryOperand(Register.None, Register.None, 1, (long)data, 8), Register.RAX));
        e.mov(rax, data);
        for (int i = 1; i < 16; i++)
            e.mov(__qword_ptr[rax + (i * 8)], all[i]);
        e.mov(rsp, __qword_ptr[rax + (SavedStack - Registers)]);
        e.pushfq();
        e.pop(__qword_ptr[rax + (Flags - Registers)]);
        e.cld();
        foreach (AssemblerRegister64 saved in new[] { r15, r14, r13, r12, rbp, rbx })
            e.pop(saved);
        e.ret();
        _epilogue = Assemble(e, 0);
    }

    public static bool IsAvailable => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Executes <paramref name="code"/>, which must not fault or branch outside, on the registers given, which it replaces.</summary>
    public void Run(ReadOnlySpan<byte> code, Span<ulong> registers, ref ulong flags)
    {
        code.CopyTo(new Span<byte>(_map + _testOffset, 0x4000));
        _epilogue.CopyTo(new Span<byte>(_map + _testOffset + code.Length, 0x1000));
        registers.CopyTo(new Span<ulong>(_map + Registers, 16));
        *(ulong*)(_map + Flags) = flags;
        ((delegate* unmanaged<void>)_map)();
        new Span<ulong>(_map + Registers, 16).CopyTo(registers);
        flags = *(ulong*)(_map + Flags);
    }

    public void Dispose() => _ = munmap((nint)_map, MapSize);

    internal static byte[] Assemble(Assembler a, ulong rip)
    {
        using var stream = new MemoryStream();
        a.Assemble(new StreamCodeWriter(stream), rip);
        return stream.ToArray();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nint length);
}
