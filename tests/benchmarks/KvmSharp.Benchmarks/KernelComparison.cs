// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics;
using System.Globalization;
using KvmSharp.Init;

namespace KvmSharp.Benchmarks;

/// <summary>The model beside the host's own kernel, in one run through one harness: what a page and what a call costs on either.</summary>
internal static class KernelComparison
{
    private const int PunchHole = 3;
    private const int KeepSize = 1;
    private const ulong FileBytes = 256UL << 20;
    private const ulong SecretBytes = 16UL << 20;
    private const int Slots = 1000;
    private const int Calls = 100;
    private const int Rounds = 15;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    /// <summary>Prints a row per operation. The two kernels' rounds alternate, so that a change of the machine's speed hits both; the median counts.</summary>
    /// <returns>Whether the model was faster on every row; false also where the host cannot be measured.</returns>
    internal static bool Run()
    {
        using HostKernel? host = HostKernel.Open(out string why);
        if (host is null)
        {
            Console.WriteLine($"no comparison: {why}");
            return false;
        }

        bool faster = true;
        using Host machine = Host.Boot(new HostOptions { MemoryBytes = 8UL << 30, Cpus = 2, Strategy = "none", Lockdep = false, NameLiveObjects = false });
        UserProcess.Run(machine.Kernel, "bench", process =>
        {
            var model = new ModelKernel(process);
            Console.WriteLine($"{"operation",-36}{"kernel",10}{"model",10}{"ratio",8}");
            foreach ((string name, double per, string unit, Func<IMeasuredKernel, double> round) in Rows())
            {
                Warm(round, model);
                _ = round(host);
                var kernelTimes = new double[Rounds];
                var modelTimes = new double[Rounds];
                for (int i = 0; i < Rounds; i++)
                {
                    kernelTimes[i] = round(host) / per;
                    modelTimes[i] = round(model) / per;
                }

                double a = Median(kernelTimes);
                double b = Median(modelTimes);
                faster &= b < a;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-36}{a,10:0.0}{b,10:0.0}{b / a,8:0.00}  {unit}"));
            }

            model.Close(model.Kvm);
        });
        return faster;
    }

    /// <summary>
    /// What a page costs by the size of its file, up to 64 GiB. Each file is walked in windows that are spread over it and given back one by
    /// one, so that it may be larger than the host's memory; the median window counts.
    /// </summary>
    internal static void Flatness()
    {
        Measure(1UL << 20, 1UL << 20, 2000);
        Flatness(1UL << 20, 2000);
        Flatness(64UL << 20, 48);
    }

    private static void Flatness(ulong mostWindow, ulong windows)
    {
        Console.WriteLine($"windows of at most {mostWindow >> 20} MiB, {windows} of them");
        Console.WriteLine($"{"file",12}{"fallocate",12}{"punch",12}{"first write",12}{"write again",12}{"punch mapped",14}   ns a page");
        foreach (ulong bytes in new[] { 1UL << 20, 16UL << 20, 256UL << 20, 4UL << 30, 64UL << 30 })
        {
            ulong window = Math.Min(bytes, mostWindow);
            double[] medians = Measure(bytes, window, windows);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{bytes >> 20,8} MiB{medians[0],12:0}{medians[1],12:0}{medians[2],12:0}{medians[3],12:0}{medians[4],14:0}"));
        }
    }

    private static double[] Measure(ulong bytes, ulong window, ulong count)
    {
        ulong places = Math.Min(bytes / window, count);
        double[][] times = [.. Enumerable.Range(0, 5).Select(_ => new double[count])];
        using Host machine = Host.Boot(new HostOptions { MemoryBytes = 80UL << 30, Cpus = 2, Strategy = "none", Lockdep = false, NameLiveObjects = false });
        UserProcess.Run(machine.Kernel, "bench", process =>
        {
            var model = new ModelKernel(process);
            int vm = model.CreateVm();
            int fd = model.CreateGuestMemfd(vm, bytes);
            ulong map = model.Map(fd, bytes);
            for (ulong i = 0; i < count; i++)
            {
                ulong offset = i % places * (bytes / window / places) * window;
                Action[] steps =
                [
                    () => model.Fallocate(fd, KeepSize, (long)offset, (long)window),
                    () => model.Fallocate(fd, PunchHole, (long)offset, (long)window),
                    () => model.Touch(map + offset, window),
                    () => model.Touch(map + offset, window),
                    () => model.Fallocate(fd, PunchHole, (long)offset, (long)window),
                ];
                for (int step = 0; step < steps.Length; step++)
                    times[step][i] = Time(steps[step]) / (window / 4096);
            }

            model.Unmap(map, bytes);
            model.Close(fd);
            model.Close(vm);
            model.Close(model.Kvm);
        });
        return [.. times.Select(Median)];
    }

    /// <summary>Each row: what one round takes in all (ns), and by what to divide it.</summary>
    private static IEnumerable<(string Name, double Per, string Unit, Func<IMeasuredKernel, double> Round)> Rows()
    {
        const double Pages = FileBytes / 4096;
        const double SecretPages = SecretBytes / 4096;
        yield return ("fallocate", Pages, "ns/page", k => WithFile(k, (fd, _) =>
            Time(() => k.Fallocate(fd, KeepSize, 0, (long)FileBytes))));
        yield return ("first write (page not there)", Pages, "ns/page", k => WithFile(k, (fd, map) =>
            Time(() => k.Touch(map, FileBytes))));
        yield return ("first write (page there)", Pages, "ns/page", k => WithFile(k, (fd, map) =>
        {
            k.Fallocate(fd, KeepSize, 0, (long)FileBytes);
            return Time(() => k.Touch(map, FileBytes));
        }));
        yield return ("punch, not mapped", Pages, "ns/page", k => WithFile(k, (fd, _) =>
        {
            k.Fallocate(fd, KeepSize, 0, (long)FileBytes);
            return Time(() => k.Fallocate(fd, PunchHole, 0, (long)FileBytes));
        }));
        yield return ("punch, mapped", Pages, "ns/page", k => WithFile(k, (fd, map) =>
        {
            k.Touch(map, FileBytes);
            return Time(() => k.Fallocate(fd, PunchHole, 0, (long)FileBytes));
        }));
        yield return ("secretmem fault", SecretPages, "ns/page", k => WithSecret(k, fault: true));
        yield return ("secretmem release", SecretPages, "ns/page", k => WithSecret(k, fault: false));
        yield return ("guest_memfd create+close", Calls, "ns/call", k => WithVm(k, vm => Time(() =>
        {
            for (int i = 0; i < Calls; i++)
                k.Close(k.CreateGuestMemfd(vm, FileBytes));
        })));
        foreach (int others in new[] { 0, Slots - 1 })
        {
            yield return ($"bind 256 MiB, slot {others + 1}", Calls, "ns/call", k => WithSlots(k, others, bind: true));
            yield return ($"unbind 256 MiB, slot {others + 1}", Calls, "ns/call", k => WithSlots(k, others, bind: false));
        }

        yield return ("VM create+close", 10, "ns/call", k => Time(() =>
        {
            for (int i = 0; i < 10; i++)
                k.Close(k.CreateVm());
        }));
    }

    private static double WithVm(IMeasuredKernel kernel, Func<int, double> body)
    {
        int vm = kernel.CreateVm();
        double time = body(vm);
        kernel.Close(vm);
        return time;
    }

    private static double WithFile(IMeasuredKernel kernel, Func<int, ulong, double> body) => WithVm(kernel, vm =>
    {
        int fd = kernel.CreateGuestMemfd(vm, FileBytes);
        ulong map = kernel.Map(fd, FileBytes);
        double time = body(fd, map);
        kernel.Unmap(map, FileBytes);
        kernel.Close(fd);
        return time;
    });

    private static double WithSecret(IMeasuredKernel kernel, bool fault)
    {
        int fd = MeasuredKernelExtensions.Fd(kernel.MemfdSecret());
        MeasuredKernelExtensions.Must(kernel.Ftruncate(fd, (long)SecretBytes));
        ulong map = kernel.Map(fd, SecretBytes);
        double faults = Time(() => kernel.Touch(map, SecretBytes));
        double release = Time(() =>
        {
            kernel.Unmap(map, SecretBytes);
            kernel.Close(fd);
        });
        return fault ? faults : release;
    }

    /// <summary>Binds and unbinds one slot of a machine that has others; only one of the two is timed.</summary>
    private static double WithSlots(IMeasuredKernel kernel, int others, bool bind) => WithVm(kernel, vm =>
    {
        const ulong Small = 1UL << 20;
        int small = kernel.CreateGuestMemfd(vm, Math.Max(Small, (ulong)others * Small));
        int gmem = kernel.CreateGuestMemfd(vm, FileBytes);
        ulong map = kernel.Map(gmem, FileBytes);
        for (int i = 0; i < others; i++)
            kernel.SetRegion(vm, i + 1, (1UL << 40) + ((ulong)i * Small), Small, map, small, (ulong)i * Small);
        double time = 0;
        for (int i = 0; i < Calls; i++)
        {
            double bound = Time(() => kernel.SetRegion(vm, 0, 0, FileBytes, map, gmem, 0));
            double unbound = Time(() => kernel.SetRegion(vm, 0, 0, 0, map, gmem, 0));
            time += bind ? bound : unbound;
        }

        kernel.Unmap(map, FileBytes);
        kernel.Close(gmem);
        kernel.Close(small);
        return time;
    });

    private static void Warm(Func<IMeasuredKernel, double> round, IMeasuredKernel kernel)
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < WarmUp)
            _ = round(kernel);
    }

    private static double Time(Action body)
    {
        long start = Stopwatch.GetTimestamp();
        body();
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds;
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
