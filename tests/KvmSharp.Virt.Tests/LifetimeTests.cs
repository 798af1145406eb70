// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Virt.Tests;

/// <summary>Who keeps what alive, in every order of closing.</summary>
internal sealed class LifetimeTests : KvmTest
{
    [Test]
    public void A_file_outlives_the_descriptors_of_its_VM() => Run(vmm =>
    {
        int fd = vmm.File(N);
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        int vcpu = vmm.Vcpu();
        Expect(vmm.Process.Close(vmm.Fd), Ok);
        Expect(vmm.Process.Close(vcpu), Ok);
        Expect(vmm.Process.Fallocate(fd, Keep, 0, (long)N), Ok);
        Expect(vmm.Process.Fallocate(fd, Punch, 0, (long)N), Ok);
        Expect(vmm.Process.Fallocate(fd, Keep, 0, (long)N), Ok);
        Expect(vmm.Process.Close(fd), Ok);
    });

    [Test]
    public void Slots_outlive_their_file() => Run(vmm =>
    {
        int fd = vmm.File(N);
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        Expect(vmm.Process.Close(fd), Ok);
        int next = vmm.File(N);
        Expect(vmm.Region2(0, 0, N, next), "EINVAL");
        Expect(vmm.Region2(1, 0, N, next), "EEXIST");
        Expect(vmm.Delete(0), Ok);
        Expect(vmm.Region2(0, 0, N, next), Ok);
    });

    [Test]
    public void The_last_descriptor_or_mapping_releases() => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        int dup = (int)vmm.Sys(fd, static n => Fcntl.sys_dup((uint)n));
        ulong map = vmm.Map(fd, N);
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        ulong seq = vmm.Seq;
        Expect(vmm.Process.Close(fd), Ok);
        Expect(vmm.Process.Close(dup), Ok);
        Assert.That(vmm.Seq, Is.EqualTo(seq));
        Assert.That(vmm.Touch(map, true), Is.Zero);
        Expect(vmm.Process.Munmap(map, N), Ok);
        Assert.That(vmm.Seq, Is.EqualTo(seq + 1));
    });

    [Test]
    public void Another_process_punches_the_owners_memory() => Run(vmm =>
    {
        int fd = vmm.File(N, M | I);
        ulong map = vmm.Map(fd, N);
        Expect(vmm.Region2(0, 0, N, fd), Ok);
        vmm.Process.Write(map, Filled(N, 0x55));
        ulong seq = vmm.Seq;
        vmm.Process.RunForkedChild(child => Expect(child.Fallocate(fd, Punch, 0, (long)P), Ok));
        Assert.That(vmm.Seq, Is.EqualTo(seq + 1));
        Assert.That(vmm.Load(map, P), Is.All.Zero);
    });

    [TestCase(Def)]
    [TestCase(Swp)]
    public void Exit_with_everything_open_leaves_nothing(ulong type) => Run(
        vmm =>
        {
            int fd = vmm.File(N, M);
            Expect(vmm.Region2(0, 0, N, fd), Ok);
            vmm.Map(fd, N);
            Expect(vmm.Process.Fallocate(fd, Keep, 0, (long)N), Ok);
            vmm.Vcpu();
        },
        type);
}
