// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;
using KvmSharp.Arch.Arm64;

namespace KvmSharp.Vmm;

/// <summary>
/// The arm64 guest that comes with the tool. Each vCPU fills its part of memory and reads it back; the first one prints, talks to the device,
/// waits for the others and writes the verdict.
/// </summary>
internal static class ScriptedGuest
{
    /// <summary>Where the script of the first vCPU is, and how far it is to the next.</summary>
    internal const ulong Entry = 0x10000;
    internal const ulong ScriptBytes = 0x4000;

    /// <summary>First address behind the last script.</summary>
    internal const ulong FirstFree = Entry + (GuestProgram.MaxVcpus * ScriptBytes);

    /// <summary>Where the UART is, from the device's address: behind it.</summary>
    internal const ulong UartOffset = 0x1000;

    /// <summary>Where a vCPU that is done says so, from the device's address. To wait for an interrupt would be to wait for ever.</summary>
    internal const ulong PowerOffset = 0x2000;

    private const ulong Pattern = 0x5ca1ab1e_0ddba11e;
    private const ulong Done = GuestProgram.BootInfo + 0x100;
    private const ulong Errors = GuestProgram.BootInfo + 0x200;

    internal static IEnumerable<GuestChunk> Write(GuestBoot boot, ulong touch, ulong bytes)
    {
        ulong share = bytes / (ulong)boot.Vcpus & ~0xffful;
        for (int i = 0; i < boot.Vcpus; i++)
        {
            ulong mine = i == boot.Vcpus - 1 ? bytes - (share * (ulong)i) : share;
            Arm64Script script = Script(boot, i, touch + (share * (ulong)i), mine, bytes);
            yield return new GuestChunk(script.Address, script.Encode());
        }
    }

    private static Arm64Script Script(GuestBoot boot, int id, ulong start, ulong length, ulong all)
    {
        ulong uart = boot.DeviceAddress + UartOffset;
        ulong power = boot.DeviceAddress + PowerOffset;
        bool first = id == 0;
        var script = new Arm64Script(Entry + ((ulong)id * ScriptBytes));
        if (first)
            script.Print(uart, string.Create(CultureInfo.InvariantCulture, $"scripted arm64 guest, {boot.Vcpus} vCPU\n"));
        script.Move(20, 0);
        uint words = (uint)(length / boot.Stride);
        script.Fill(start, words, boot.Stride, Pattern).Verify(20, start, words, boot.Stride, Pattern);
        script.Store(20, Errors + (8 * (ulong)id)).StoreValue(Done + (8 * (ulong)id), 1);
        if (!first)
            return script.StoreValue(power, 1);

        // The failing way out comes first, so that branches know where it is.
        ulong checks = script.Here + (4 * Arm64Script.StepBytes);
        script.Branch(checks);
        ulong failed = script.Here;
        script.StoreValue(GuestProgram.BootInfo + GuestProgram.InfoVerdict, 2).StoreValue(uart, '!', 1).StoreValue(power, 1);
        if (boot.DeviceAddress != 0)
            script.StoreValue(boot.DeviceAddress, 41).Load(1, boot.DeviceAddress).BranchIfNot(1, 42, failed);
        for (int i = 0; i < boot.Vcpus; i++)
        {
            ulong wait = script.Here;
            script.Load(1, Done + (8 * (ulong)i)).BranchIfNot(1, 1, wait);
            script.Load(1, Errors + (8 * (ulong)i)).BranchIfNot(1, 0, failed);
        }

        script.StoreValue(GuestProgram.BootInfo + GuestProgram.InfoPages, all >> 12);
        script.Print(uart, string.Create(CultureInfo.InvariantCulture, $"{all >> 12} pages written and verified\n"));
        return script.StoreValue(GuestProgram.BootInfo + GuestProgram.InfoVerdict, 1).StoreValue(power, 1);
    }
}
