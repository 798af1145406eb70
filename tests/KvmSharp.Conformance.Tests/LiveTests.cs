// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Conformance.Live;
using KvmSharp.Tools;
using Linux;
using Spectre.Console;

namespace KvmSharp.Conformance.Tests;

/// <summary>The host's own kernel through the agent, where it has what is needed.</summary>
[TestFixture]
[NonParallelizable]
internal sealed class LiveTests
{
    private const uint ProtRead = 1;
    private const uint MapPrivateAnonymous = 0x22;

    [Test]
    public void The_agent_loads_stores_and_reports_signals()
    {
        using HostAgent agent = Start();
        IUserMachine machine = new HostMachine(agent, Session.FirstRegion);
        machine.Vacate(Session.FirstRegion + (64UL << 30));
        ulong at = (ulong)machine.Syscall(Unistd64.__NR_mmap, Session.FirstRegion, 4096, ProtRead, MapPrivateAnonymous, ulong.MaxValue);
        byte[] data = new byte[8];
        Assert.Multiple(() =>
        {
            Assert.That(machine.Load(at, data), Is.Null);
            Assert.That(machine.Load(at + 4092, data), Is.EqualTo(new UserSignal(Signal.SIGSEGV, 1, at + 4096, 4)));
            Assert.That(machine.Store(at + 1, data), Is.EqualTo(new UserSignal(Signal.SIGSEGV, 2, at + 1, 0)));
            Assert.That(machine.Fill(machine.Scratch, 4096, 3), Is.Null);
            Assert.That(machine.Scan(machine.Scratch, 4097, out ulong nonzero, out ulong sum), Is.Null);
            Assert.That((nonzero, sum), Is.EqualTo((4096UL, 3UL * 4096)));
        });
    }

    [Test]
    public void A_forked_child_and_a_new_image_have_memory_of_their_own()
    {
        using HostAgent agent = Start();
        IUserMachine machine = new HostMachine(agent, Session.FirstRegion);
        machine.Write(machine.Scratch, "parent"u8);
        byte[] inChild = new byte[6];
        byte[] inImage = new byte[6];
        machine.RunForkedChild(child =>
        {
            child.Read(child.Scratch, inChild);
            child.Write(child.Scratch, "child!"u8);
        });
        machine.RunExecutedChild(image => image.Read(image.Scratch, inImage));
        byte[] after = new byte[6];
        machine.Read(machine.Scratch, after);
        Assert.That((inChild, inImage, after), Is.EqualTo(("parent"u8.ToArray(), new byte[6], "parent"u8.ToArray())));
    }

    [Test]
    public void An_agent_that_ends_is_an_error_and_no_hang()
    {
        using HostAgent agent = Start();
        IUserMachine machine = new HostMachine(agent, Session.FirstRegion);
        Assert.That(() => machine.Syscall(Unistd64.__NR_exit_group), Throws.InstanceOf<AgentGoneException>());
    }

    [Test]
    public void What_outlives_the_process_is_refused()
    {
        using HostAgent agent = Start();
        IUserMachine machine = new HostMachine(agent, Session.FirstRegion);
        ulong fd = (ulong)machine.OpenNull();
        Assert.Multiple(() =>
        {
            Assert.That(() => machine.Syscall(Unistd64.__NR_fchmod, fd, 0), Throws.InstanceOf<HostException>());
            Assert.That(() => machine.Syscall(Unistd64.__NR_madvise, machine.Scratch, 4096, 100), Throws.InstanceOf<HostException>());
        });
    }

    [Test]
    public void The_host_and_the_model_agree_on_generated_sequences()
    {
        Needs();
        LiveResult result = LiveRecorder.Run(new LiveOptions { FirstSeed = 1, LastSeed = 24, Operations = 100, Profile = "slots", Time = TimeSpan.FromSeconds(5) }, static _ => { }, static () => { });
        Assert.That(result.Findings.Select(f => string.Join('\n', f.Operations) + '\n' + f.Text), Is.Empty);
    }

    [Test]
    public void Without_live_there_is_nothing_to_record_on()
    {
        using var error = new StringWriter();
        int status = CommandLine.Run(["record", "--seeds", "1"], AnsiConsole.Console, TextWriter.Null, error);
        Assert.That((status, error.ToString()), Is.EqualTo((2, "kvmsharp: record: --live is missing; there is no other kernel to record on" + Environment.NewLine)));
    }

    [Test]
    public void A_host_that_lacks_something_is_named_with_status_2()
    {
        if (HostChecker.Missing() is not { } missing)
        {
            Assert.Ignore("this host lacks nothing");
            return;
        }

        using var error = new StringWriter();
        int status = CommandLine.Run(["record", "--live"], AnsiConsole.Console, TextWriter.Null, error);
        Assert.That((status, error.ToString()), Is.EqualTo((2, $"kvmsharp: record --live: {missing}{Environment.NewLine}")));
    }

    private static HostAgent Start()
    {
        Needs();
        return HostAgent.Start();
    }

    private static void Needs()
    {
        if (HostChecker.Missing() is { } missing)
            Assert.Ignore(missing);
    }
}
