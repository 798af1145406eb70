// SPDX-License-Identifier: GPL-2.0-only
using System.Diagnostics;
using System.Globalization;
using KvmSharp.Init;

namespace KvmSharp.Benchmarks;

/// <summary>Whole hosts: how long a boot takes by size of memory, and what a page costs on the paths that guests and monitors use most.</summary>
internal static class HostBenchmarks
{
    private const int Page = 4096;
    private const int Rounds = 5;
    private const int PunchHole = 3;
    private const int KeepSize = 1;

    /// <summary>Boot and power down, smallest and largest memory side by side.</summary>
    internal static void Boot()
    {
        ulong[] sizes = [1UL << 30, 64UL << 30, 1UL << 40];
        double first = 0;
        foreach (ulong size in sizes)
        {
            double ms = Best(() =>
            {
                using Host host = Host.Boot(new HostOptions { MemoryBytes = size, Cpus = 4, Lockdep = false, NameLiveObjects = false });
            });
            first = first == 0 ? ms : first;
            Print($"boot {size >> 30} GiB", $"{ms:0.0} ms, {ms / first:0.00} times the first row");
        }
    }

    /// <summary>Nanoseconds a page, for files of growing size.</summary>
    internal static void Pages()
    {
        foreach (ulong bytes in new[] { 1UL << 20, 64UL << 20, 1UL << 30 })
            Pages(bytes);
    }

    private static void Pages(ulong bytes)
    {
        using Host host = Host.Boot(new HostOptions { MemoryBytes = 8UL << 30, Strategy = "none", Lockdep = false, NameLiveObjects = false });
        UserProcess.Run(host.Kernel, "bench", process =>
        {
            int kvm = process.OpenKvm();
            int vm = (int)process.Ioctl(kvm, 0xAE01, 0);
            Span<byte> create = stackalloc byte[64];
            create.Clear();
            BitConverter.TryWriteBytes(create, bytes);
            create[8] = 3;
            process.Write(process.Scratch, create);
            int fd = (int)process.Ioctl(vm, 0xC040AED4, process.Scratch);
            ulong map = (ulong)process.Mmap(0, bytes, 3, 1, fd, 0);
            long length = (long)bytes;
            byte[] one = [1];

            PerPage("fallocate", bytes, () => process.Fallocate(fd, KeepSize, 0, length), () => process.Fallocate(fd, PunchHole, 0, length));
            PerPage("punch, not mapped", bytes, () => process.Fallocate(fd, PunchHole, 0, length), () => process.Fallocate(fd, KeepSize, 0, length));
            PerPage("first write", bytes, () => Touch(process, map, bytes, one), () => process.Fallocate(fd, PunchHole, 0, length));
            PerPage("write, present", bytes, () => Touch(process, map, bytes, one), () => Touch(process, map, bytes, one));
            PerPage("punch, mapped", bytes, () => process.Fallocate(fd, PunchHole, 0, length), () => Touch(process, map, bytes, one));
            process.Munmap(map, bytes);
            process.Close(fd);
            process.Close(vm);
            process.Close(kvm);
        });
    }

    private static void Touch(UserProcess process, ulong map, ulong bytes, byte[] one)
    {
        for (ulong at = 0; at < bytes; at += Page)
            process.Write(map + at, one);
    }

    private static void PerPage(string name, ulong bytes, Action body, Action prepare)
    {
        double best = double.MaxValue;
        for (int i = 0; i < Rounds; i++)
        {
            prepare();
            long start = Stopwatch.GetTimestamp();
            body();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalNanoseconds);
        }

        Print($"{name}, {bytes >> 20} MiB", $"{best / (bytes / Page):0} ns a page");
    }

    private static double Best(Action body)
    {
        double best = double.MaxValue;
        for (int i = 0; i < Rounds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            body();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return best;
    }

    private static void Print(FormattableString what, FormattableString figure) =>
        Console.WriteLine($"{what.ToString(CultureInfo.InvariantCulture),-32}{figure.ToString(CultureInfo.InvariantCulture)}");
}
