// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Conformance;
using KvmSharp.Init;

namespace KvmSharp.Conformance.Tests;

/// <summary>Everything that user space saw of a real Linux 6.18, and the model's answers to the same calls.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed class RecordedTraceTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "conformance");

    private static string[] Traces => Below("*.jsonl.gz", SearchOption.AllDirectories);

    private static HostOptions Options => Replayer.Recorders with { Lockdep = true };

    [Test]
    public void All_recorded_traces_are_here() => Assert.That(Below("*.jsonl.gz", SearchOption.TopDirectoryOnly), Has.Length.EqualTo(629));

    [TestCaseSource(nameof(Traces))]
    public void The_model_answers_as_the_kernel_did(string trace)
    {
        ReplayResult result = Replayer.Replay(Path.Combine(Folder, trace), Options);
        Assert.Multiple(() =>
        {
            Assert.That(result.Operations, Is.GreaterThan(0));
            Assert.That(result.Divergences.Select(d => $"{d.File}:{d.Line}: {d.Difference}\n{d.Operation}\n{d.State}"), Is.Empty);
            Assert.That(result.Problems, Is.Empty);
        });
    }

    private static string[] Below(string pattern, SearchOption depth) =>
        [.. Directory.EnumerateFiles(Folder, pattern, depth).Select(f => Path.GetRelativePath(Folder, f)).Order(StringComparer.Ordinal)];
}
