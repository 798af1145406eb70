// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Collections.Concurrent;
using KvmSharp.Conformance;
using KvmSharp.Conformance.Generate;
using KvmSharp.Init;

namespace KvmSharp.Conformance.Tests;

/// <summary>What the strategies change for user space: the predicted differences, each of them, and nothing else.</summary>
[TestFixture]
internal sealed class StrategyTraceTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "conformance");

    [TestCase("v12")]
    [TestCase("filemap")]
    public void Only_the_flag_and_its_capability_differ(string strategy)
    {
        HostOptions options = Replayer.Recorders with { Strategy = strategy };
        var differences = new ConcurrentBag<Divergence>();
        var problems = new ConcurrentBag<string>();
        Parallel.ForEach(Directory.EnumerateFiles(Folder, "*.jsonl.gz"), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, file =>
        {
            ReplayResult result = Replayer.Replay(file, options);
            foreach (Divergence divergence in result.Divergences)
                differences.Add(divergence);
            foreach (string problem in result.Problems)
                problems.Add($"{file}: {problem}");
        });
        Assert.Multiple(() =>
        {
            Assert.That(differences.Where(d => d.Predicted is null).Select(d => $"{d.File}:{d.Line}: {d.Difference}\n{d.Operation}"), Is.Empty);
            Assert.That(differences.Count(d => d.Predicted == "flag"), Is.EqualTo(29));
            Assert.That(differences.Count(d => d.Predicted == "capability"), Is.EqualTo(11));
            Assert.That(problems, Is.Empty);
        });
    }

    [TestCase("none", 4UL, "EINVAL", false, null)]
    [TestCase("v12", 4UL, "EINVAL", true, "flag")]
    [TestCase("filemap", 7UL, "EINVAL", true, "flag")]
    [TestCase("v12", 8UL, "EINVAL", true, null, TestName = "a flag that no strategy has")]
    [TestCase("v12", 3UL, "EINVAL", true, null, TestName = "flags that upstream has")]
    [TestCase("v12", 4UL, "EBADF", true, null, TestName = "another reason to refuse")]
    [TestCase("v12", 4UL, "EINVAL", false, null, TestName = "refused here too, for another reason")]
    public void Creating_with_the_flag_is_predicted_and_nothing_like_it(string strategy, ulong flags, string recorded, bool succeeds, string? expected)
    {
        Operation op = OperationWriter.Parse("t", 2, $$"""{"op":"kvm_create_guest_memfd","vm":"vm0","size":4096,"flags":{{flags}},"as":"g","ret":null,"errno":"{{recorded}}"}""");
        _ = op.Text("vm") + op.U64("size") + op.U64("flags");
        Assert.That(PredictedDifference.Classify(strategy, op, Outcome.Of(succeeds ? 0 : -12)), Is.EqualTo(expected));
    }

    [TestCase(244, 3, 7, "capability")]
    [TestCase(244, 3, 3, null)]
    [TestCase(244, 7, 7, null)]
    [TestCase(244, 3, 15, null)]
    [TestCase(234, 1, 5, null)]
    public void Asking_for_flags_is_predicted_and_nothing_like_it(int cap, int recorded, int answer, string? expected)
    {
        Operation op = OperationWriter.Parse("t", 2, $$"""{"op":"kvm_check_extension","vm":null,"cap":{{cap}},"ret":{{recorded}},"errno":null}""");
        _ = op.Has("vm") ? 1 : op.U64("cap");
        Assert.That(PredictedDifference.Classify("v12", op, Outcome.Of(answer)), Is.EqualTo(expected));
    }
}
