// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Conformance.Fuzz;
using KvmSharp.Conformance.Generate;
using KvmSharp.Init;
using KvmSharp.Machine;

namespace KvmSharp.Conformance.Tests.Fuzz;

/// <summary>The bounded part of the fuzzing campaign, and the fuzzer's own promises. The whole campaign: Documentation/fuzzing.md.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed class FuzzTests
{
    private static readonly FuzzOptions _short = new() { Operations = 1500, EpisodeOperations = 500, ShrinkFor = TimeSpan.FromSeconds(20), HangAfter = TimeSpan.FromSeconds(60) };

    [Test]
    public void Nothing_that_must_not_happen_happens([Range(1, 6)] int seed, [Values("none", "v12", "filemap")] string strategy) =>
        ExpectFine(Fuzzer.Run((ulong)seed, _short with { Strategy = strategy, Isa = Isa.X86_64, CheckEvery = 25 }));

    [Test]
    public void Nor_with_everything_checked_after_each_operation([Values(11, 12)] int seed, [Values] Isa isa) =>
        ExpectFine(Fuzzer.Run((ulong)seed, _short with { Operations = 500, Isa = isa }));

    [Test]
    public void Nor_when_threads_share_everything([Range(21, 24)] int seed, [Values("none", "filemap")] string strategy) =>
        ExpectFine(Fuzzer.Run((ulong)seed, _short with { Threads = 4, Strategy = strategy, CheckEvery = 1 }));

    [Test]
    public void Every_failing_allocation_hits_something()
    {
        FuzzResult result = Fuzzer.Run(3, _short with { FailPercent = 100, CheckEvery = 25 });
        ExpectFine(result);
        Assert.That(result.Injected, Is.GreaterThan(100));
    }

    [Test]
    public void A_seed_is_the_same_run_every_time()
    {
        FuzzOptions options = _short with { CheckEvery = 0 };
        for (int host = 0; host < 4; host++)
        {
            FuzzPlan plan = options.Plan(77, host);
            EpisodeResult first = FuzzEpisode.Run(plan, options.HangAfter);
            EpisodeResult again = FuzzEpisode.Run(plan, options.HangAfter);
            Assert.That(first.Failure?.Report, Is.Null);
            Assert.That(again.Operations[0].Select(o => o.Raw), Is.EqualTo(first.Operations[0].Select(o => o.Raw)));
            Assert.That(again.Injected, Is.EqualTo(first.Injected));
        }
    }

    [Test]
    public void A_sequence_by_its_operations_is_the_run_that_drew_it()
    {
        FuzzPlan plan = _short.Plan(78, 1) with { CheckEvery = 0 };
        EpisodeResult drawn = FuzzEpisode.Run(plan, _short.HangAfter);
        EpisodeResult listed = FuzzEpisode.Run(plan, drawn.Operations[0], _short.HangAfter);
        Assert.That((listed.Failure, listed.Done, listed.Injected), Is.EqualTo((drawn.Failure, drawn.Done, drawn.Injected)));
    }

    [Test]
    public void A_written_trace_runs_on_the_host_that_it_names()
    {
        FuzzPlan plan = new() { Seed = 5, Episode = 2, Strategy = "filemap", Isa = Isa.Arm64, Cpus = 3, Profile = "mm", TwoDimensionalPaging = true };
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".jsonl");
        try
        {
            using (StreamWriter writer = File.CreateText(file))
                FuzzTrace.Write(writer, plan, [OperationWriter.Parse("t", 2, """{"op":"memfd_secret","as":"s"}""")], new FuzzFailure("oops", "a \"message\"", "report"));
            (FuzzPlan read, IReadOnlyList<Operation> operations) = FuzzTrace.Read(file, new FuzzPlan());
            Assert.Multiple(() =>
            {
                Assert.That((read.Strategy, read.Isa, read.Cpus, read.Episode, read.Profile, read.TwoDimensionalPaging, read.SwProtectedVm), Is.EqualTo(("filemap", Isa.Arm64, 3, 2, "mm", true, false)));
                Assert.That(operations.Select(o => o.Raw), Is.EqualTo(new[] { """{"op":"memfd_secret","as":"s"}""" }));
                ExpectFine(Fuzzer.RunTrace(file, _short));
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static void ExpectFine(FuzzResult result) =>
        Assert.That(result.Failure is { } f ? $"{result.Host}\n{f.Message}\n{f.Report}\n{result.Trace}" : null, Is.Null);
}
