// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Conformance;
using KvmSharp.Conformance.Generate;

namespace KvmSharp.Conformance.Tests;

/// <summary>Counters of noisy traces agree by direction and size: a right model passes, a wrong one does not.</summary>
[TestFixture]
internal sealed class DirectMapChangesTests
{
    private static readonly Counters _start = new(4096, 2048 * 100, 0, 2, 1, 0, 0);

    [Test]
    public void No_change_agrees_with_no_change() => Assert.That(Compare(_start, _start, 0), Is.Null);

    [Test]
    public void A_fresh_machine_may_split_for_what_leaves_the_direct_map()
    {
        Counters split = _start with { Small = 4096 + (4 * 2048), Medium = 2048 * 96, Level2Splits = 6 };
        Assert.Multiple(() =>
        {
            Assert.That(Compare(_start, split, 2048), Is.Null, "8 MiB, that begin inside an area, are in five");
            Assert.That(Compare(_start, split, 1024), Does.Contain("level2_splits"), "4 MiB are in no more than three");
            Assert.That(Compare(_start, split, 0), Does.Contain("level2_splits"), "nothing left: nothing had to be split");
        });
    }

    [Test]
    public void A_page_by_page_split_is_too_much() =>
        Assert.That(Compare(_start, _start with { Small = 4096 + (64 * 2048), Medium = 2048 * 36, Level2Splits = 66 }, 64), Does.Contain("level2_splits"));

    [Test]
    public void Collapses_that_the_kernel_did_not_make_are_wrong() =>
        Assert.That(Compare(_start, _start with { Small = 2048, Medium = 2048 * 101, Level2Collapses = 1 }, 0), Does.Contain("level2_collapses"));

    [Test]
    public void A_recorded_split_must_be_seen_here_too()
    {
        Counters recorded = _start with { Small = 4096 + 2048, Medium = 2048 * 99, Level2Splits = 3 };
        Assert.Multiple(() =>
        {
            Assert.That(Compare(_start, _start, 0, recorded), Does.Contain("level2_splits"));
            Assert.That(Compare(_start, recorded, 1, recorded), Is.Null);
        });
    }

    [Test]
    public void Memory_does_not_vanish_from_the_map() => Assert.That(Compare(_start, _start with { Medium = 2048 * 99 }, 0), Does.Contain("the memory covered"));

    [Test]
    public void Sizes_and_splits_say_the_same() =>
        Assert.That(Compare(_start, _start with { Small = 4096 + 2048, Medium = 2048 * 99 }, 512), Does.Contain("DirectMap4k"));

    [Test]
    public void The_first_line_is_only_remembered()
    {
        var changes = new DirectMapChanges();
        Assert.That(changes.Difference(_start.Line(), (_start with { Small = 1, Level2Splits = 99 }).Outcome(), 5), Is.Null);
    }

    [TestCase("level2_splits", 1)]
    [TestCase("level3_splits", 1)]
    [TestCase("level2_collapses", 1)]
    [TestCase("DirectMap4k", 2048)]
    public void A_trace_of_another_kernel_is_a_divergence(string field, long more)
    {
        string file = Path.Combine(AppContext.BaseDirectory, "conformance", "direct_map_gmem_8m.jsonl.gz");
        using var stream = new System.IO.Compression.GZipStream(File.OpenRead(file), System.IO.Compression.CompressionMode.Decompress);
        using var reader = new StreamReader(stream);
        string[] lines = reader.ReadToEnd().Split('\n');
        int last = Array.FindLastIndex(lines, l => l.Contains("direct_map_stats", StringComparison.Ordinal));
        System.Text.Json.Nodes.JsonObject line = System.Text.Json.Nodes.JsonNode.Parse(lines[last])!.AsObject();
        line[field] = line[field]!.GetValue<long>() + more;
        lines[last] = line.ToJsonString();
        using var changed = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(string.Join('\n', lines)));
        using var trace = new TraceReader("changed.jsonl", changed);
        ReplayResult result = Replayer.Replay(trace, "changed.jsonl", new Init.HostOptions { MemoryBytes = 4UL << 30, Strategy = "none" });
        Assert.That(result.Divergences.Select(d => d.Difference), Has.Exactly(1).Items);
    }

    private static string? Compare(Counters from, Counters to, long left, Counters? recorded = null)
    {
        var changes = new DirectMapChanges();
        Assert.That(changes.Difference(_start.Line(), from.Outcome(), 0), Is.Null);
        return changes.Difference((recorded ?? _start).Line(), to.Outcome(), left);
    }

    private sealed record Counters(long Small, long Medium, long Large, long Level2Splits, long Level3Splits, long Level2Collapses, long Level3Collapses)
    {
        internal Operation Line() => OperationWriter.Parse(
            "t",
            2,
            $$"""{"op":"direct_map_stats","ret":0,"errno":null,"DirectMap4k":{{Small}},"DirectMap2M":{{Medium}},"DirectMap1G":{{Large}},"level2_splits":{{Level2Splits}},"level3_splits":{{Level3Splits}},"level2_collapses":{{Level2Collapses}},"level3_collapses":{{Level3Collapses}}}""");

        internal Outcome Outcome() => KvmSharp.Conformance.Outcome.Of(0).With("DirectMap4k", Small).With("DirectMap2M", Medium).With("DirectMap1G", Large)
            .With("level2_splits", Level2Splits).With("level3_splits", Level3Splits).With("level2_collapses", Level2Collapses).With("level3_collapses", Level3Collapses);
    }
}
