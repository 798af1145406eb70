// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Virt.Tests;

/// <summary>Every allocation of an operation fails in turn: the caller gets an errno, and nothing stays behind.</summary>
internal sealed class FailureTests : KvmTest
{
    /// <summary>The allocator of tree nodes tries again after dropping its lock, so one failure of it need not be the caller's.</summary>
    private static readonly string[] Retried = ["xas_alloc", "xas_nomem"];

    [TestCase("create VM", "kvm")]
    [TestCase("create guest_memfd", "gmem")]
    [TestCase("allocate", "fail_page_alloc")]
    [TestCase("bind", "kvm_memory_slot")]
    [TestCase("ordinary slot", "kvm_memory_slot")]
    [TestCase("delete", "kvm_memory_slot")]
    [TestCase("create vCPU", "kvm_vcpu")]
    [TestCase("attributes", "xas_alloc")]
    public void Every_failure_is_reported_and_leaves_nothing(string name, string passed)
    {
        using Host host = BootHost();
        Dictionary<string, long> points = [];
        UserProcess.Run(host.Kernel, "count", p => points = Attempt(p, name, null, 0).Calls);
        Assert.That(points.Keys, Does.Contain(passed));

        long failures = 0;
        foreach ((string point, long calls) in points)
        {
            for (long nth = 1; nth <= calls; nth++)
            {
                UserProcess.Run(host.Kernel, "vmm", p =>
                {
                    (long result, _, long injected) = Attempt(p, name, point, nth);
                    if (injected == 0)
                        return;
                    failures++;
                    if (!Retried.Contains(point))
                        Assert.That(result, Is.Negative, $"{point} {nth} failed unseen");
                });
                Assert.DoesNotThrow(host.CheckInvariants, $"{point} {nth}");
            }
        }

        Assert.That(failures, Is.Positive);
        Assert.That(host.PowerDown(), Is.Empty);
    }

    /// <summary>The operation once while the given pass fails, then again without failures, when it must succeed if it had not yet.</summary>
    private static (long Result, Dictionary<string, long> Calls, long Injected) Attempt(UserProcess process, string name, string? point, long nth)
    {
        var vmm = new Vmm(process, Swp);
        int fd = vmm.File(N);
        Expect(vmm.Ordinary2(7, 1UL << 30, P), Ok);
        Func<long> call = name switch
        {
            "create VM" => () => process.Ioctl(vmm.KvmFd, KVM_CREATE_VM, Swp),
            "create guest_memfd" => () => vmm.Gmem(P),
            "allocate" => () => process.Fallocate(fd, Keep, 0, (long)N),
            "bind" => () => vmm.Region2(0, 0, N, fd),
            "ordinary slot" => () => vmm.Ordinary2(0, 0, N),
            "delete" => () => vmm.Delete(7),
            "create vCPU" => () => process.Ioctl(vmm.Fd, KVM_CREATE_VCPU, 0),
            _ => () => vmm.Attributes(0, 2 * P, Private),
        };

        int free = NextDescriptor(vmm);
        var injector = new FailureInjector();
        if (point is not null)
            injector.FailNth(point, nth);
        process.Kernel.Failures = injector;
        long result;
        try
        {
            result = call();
        }
        finally
        {
            process.Kernel.Failures = null;
        }

        if (result < 0)
        {
            Assert.That(NextDescriptor(vmm), Is.EqualTo(free), $"{point} {nth} keeps a descriptor");
            Expect(call(), Ok);
        }

        return (result, new Dictionary<string, long>(injector.Calls), injector.Injected);
    }

    private static int NextDescriptor(Vmm vmm)
    {
        int fd = vmm.File(P);
        Expect(vmm.Process.Close(fd), Ok);
        return fd;
    }
}
