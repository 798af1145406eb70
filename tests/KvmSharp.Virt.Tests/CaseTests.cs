// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Virt.Tests;

/// <summary>Cases that take an interrupted call, a failed one, or two at a time. Their numbers are those of the list that the other tests here follow.</summary>
internal sealed class CaseTests : KvmTest
{
    private const ulong Big = 1UL << 20;

    /// <summary>Case 52.</summary>
    [Test]
    public void A_pending_signal_ends_fallocate_and_what_is_there_stays() => Run(vmm =>
    {
        int signals = 0;
        current.SignalHandler = _ =>
        {
            signals++;
            return true;
        };
        int fd = vmm.File(N, M | I);
        Expect(vmm.Process.Fallocate(fd, Keep, 0, (long)P), Ok);
        Expect(
            vmm.Sys(fd, static fd =>
            {
                if (Signal.send_sig(Signal.SIGUSR1, current, 0) != 0)
                    return -ESRCH;
                return Open.sys_fallocate(fd, Keep, 0, (long)N);
            }),
            "EINTR");
        Assert.That(signals, Is.EqualTo(1));
        Assert.That(vmm.Pages(fd), Is.EqualTo(1));
        Expect(vmm.Process.Fallocate(fd, Keep, 0, (long)N), Ok);
        Assert.That(vmm.Pages(fd), Is.EqualTo(N / P));
    });

    /// <summary>Case 52, while pages are being made.</summary>
    [Test]
    public void A_signal_under_way_leaves_the_pages_made_so_far() => Run(vmm =>
    {
        const ulong Bytes = 16UL << 20;
        int fd = vmm.File(Bytes, M | I);
        long result = 0;
        task_struct? worker = null;
        vmm.Process.RunThreads(
            ("worker", () =>
            {
                current.SignalHandler = _ => true;
                Volatile.Write(ref worker, current);
                result = vmm.Process.Fallocate(fd, Keep, 0, (long)Bytes);
            }
        ),
            ("signaller", () =>
            {
                while (Volatile.Read(ref worker) is null)
                    Thread.Yield();
                _ = vmm.Sys(worker!, static w => Signal.send_sig(Signal.SIGUSR1, w, 0));
            }
        ));

        // The signal may come before, in the middle, or after the end.
        Assert.That(NameOf(result), Is.EqualTo(Ok).Or.EqualTo("EINTR"));
        Assert.That(vmm.Pages(fd), result == 0 ? Is.EqualTo(Bytes / P) : Is.LessThan(Bytes / P));
    });

    /// <summary>Case 57.</summary>
    [Test]
    public void A_hole_over_two_slots_is_one_invalidation_of_the_hull_of_both() => Run(vmm =>
    {
        int fd = vmm.File(2 * N, M | I);
        Expect(vmm.Region2(0, 100 * P, N, fd), Ok);
        Expect(vmm.Region2(1, 10 * P, N, fd, offset: N), Ok);
        ulong seq = vmm.Seq;
        Expect(vmm.Process.Fallocate(fd, Punch, (long)(2 * P), (long)N), Ok);
        Assert.That(vmm.Seq, Is.EqualTo(seq + 1));
        Assert.That(vmm.InProgress, Is.Zero);

        // The hole is pages 2 and 3 of the first slot and 0 and 1 of the second.
        Assert.That(vmm.InvalidatedRange, Is.EqualTo((10UL, 104UL)));
    });

    /// <summary>Case 116.</summary>
    [TestCase(Def, true, 2, Ok)]
    [TestCase(Swp, true, 1, "EINVAL")]
    [TestCase(Def, false, 0, "EINVAL")]
    public void A_second_address_space_is_for_VMs_without_private_memory(ulong type, bool smm, int spaces, string expected) => Run(
        vmm =>
        {
            Assert.That(vmm.Cap(KVM_CAP_MULTI_ADDRESS_SPACE), Is.EqualTo(spaces));
            Expect(vmm.Ordinary2((1 << 16) | 3, 0, N), expected);
            if (expected != Ok)
                return;

            // The same address in both, and a number of its own in each.
            Expect(vmm.Ordinary2(3, 0, N), Ok);
            Expect(vmm.Ordinary2((1 << 16) | 4, 2 * P, N), "EEXIST");
            Expect(vmm.Delete((1 << 16) | 3), Ok);
            Expect(vmm.Delete(3), Ok);
            Expect(vmm.Ordinary2(2 << 16, 0, N), "EINVAL");
        },
        type,
        smm);

    /// <summary>Case 123.</summary>
    [TestCase("kvm_memslot_metadata")]
    [TestCase("kvm_memory_slot")]
    public void A_slot_that_fails_after_its_file_was_bound_leaves_the_range_free(string point) => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        _ = vmm.Ordinary;
        var failures = new FailureInjector();
        failures.FailNth(point, 1, 1);
        vmm.Process.Kernel.Failures = failures;
        Expect(vmm.Region2(0, 0, N, fd), "ENOMEM");
        vmm.Process.Kernel.Failures = null;
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        Expect(vmm.Region2(1, Big, N, fd), "EINVAL");
    });

    /// <summary>Case 170.</summary>
    [Test]
    public void Pre_faulting_a_slot_that_comes_and_goes() => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        int vcpu = vmm.Vcpu();
        ulong user = vmm.Ordinary;
        var seen = new HashSet<string>();
        bool stop = false;
        using var other = new Scratch(vmm);
        vmm.Process.RunThreads(
            ("fault", () =>
            {
                while (!Volatile.Read(ref stop))
                    seen.Add(NameOf(other.PreFault(vcpu, 0, N)));
            }
        ),
            ("slots", () =>
            {
                for (int i = 0; i < 200; i++)
                {
                    Expect(vmm.Region2(0, 0, N, fd, hva: user), Ok);
                    Expect(vmm.Delete(0), Ok);
                }

                Volatile.Write(ref stop, true);
            }
        ));
        Assert.That(seen, Is.SubsetOf(new[] { Ok, "EAGAIN", "ENOENT" }));
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        Expect(vmm.PreFault(vcpu, 0, N, out ulong left), Ok);
        Assert.That(left, Is.Zero);
    });

    /// <summary>Case 179.</summary>
    [Test]
    public void The_last_close_races_with_the_end_of_the_slot() => Run(vmm =>
    {
        for (int i = 0; i < 100; i++)
        {
            int fd = vmm.File(N, M | I);
            Expect(vmm.Region2(0, 0, N, fd), Ok);
            long close = 0;
            long delete = 0;
            vmm.Process.RunThreads(("close", () => close = vmm.Process.Close(fd)), ("delete", () => delete = vmm.Delete(0)));
            Assert.That((NameOf(close), NameOf(delete)), Is.EqualTo((Ok, Ok)));
            Expect(vmm.Delete(0), "EINVAL");
        }
    });

    /// <summary>Case 180: a fault either maps, and its page is taken away by the release, or finds no file.</summary>
    [Test]
    public void The_last_close_races_with_a_fault() => Run(vmm =>
    {
        int vcpu = vmm.Vcpu();
        using var other = new Scratch(vmm);
        for (int i = 0; i < 100; i++)
        {
            int fd = vmm.File(N, M | I);
            Expect(vmm.Region2(0, 0, N, fd), Ok);
            long fault = 0;
            vmm.Process.RunThreads(("fault", () => fault = other.PreFault(vcpu, 0, N)), ("close", () => Expect(vmm.Process.Close(fd), Ok)));
            Assert.That(NameOf(fault), Is.EqualTo(Ok).Or.EqualTo("EFAULT").Or.EqualTo("EAGAIN"));
            Assert.That(NameOf(vmm.PreFault(vcpu, 0, P, out _)), Is.EqualTo("EFAULT"), "the file is gone, the slot is not");
            Expect(vmm.Delete(0), Ok);
        }
    });

    /// <summary>Memory for the arguments of a second thread.</summary>
    private sealed unsafe class Scratch : IDisposable
    {
        private readonly Vmm _vmm;
        private readonly ulong _at;

        internal Scratch(Vmm vmm)
        {
            _vmm = vmm;
            _at = (ulong)vmm.Process.Mmap(0, P, 3, 0x22, -1, 0);
        }

        public void Dispose() => _vmm.Process.Munmap(_at, P);

        internal long PreFault(int vcpu, ulong gpa, ulong size)
        {
            var args = new kvm_pre_fault_memory { gpa = gpa, size = size };
            _vmm.Process.Write(_at, new ReadOnlySpan<byte>(&args, sizeof(kvm_pre_fault_memory)));
            return _vmm.Process.Ioctl(vcpu, KVM_PRE_FAULT_MEMORY, _at);
        }
    }
}
