// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Conformance.Generate;

namespace KvmSharp.Conformance.Tests.Generate;

/// <summary>Sequences become as small as what they show allows.</summary>
[TestFixture]
internal sealed class ShrinkerTests
{
    [Test]
    public void Only_the_operations_that_matter_stay_in_their_order()
    {
        List<Operation> given = [.. Enumerable.Range(0, 200).Select(i => Op($$"""{"op":"close","fd":{{i}}}"""))];
        var shrinker = new Shrinker(ops => ops.Any(o => o.I32("fd") == 150) && ops.ToList().FindIndex(o => o.I32("fd") == 7) is >= 0 and var first && first < ops.ToList().FindIndex(o => o.I32("fd") == 150));
        Assert.Multiple(() =>
        {
            Assert.That(shrinker.Shrink(given).Select(o => o.Raw), Is.EqualTo(new[] { """{"op":"close","fd":7}""", """{"op":"close","fd":150}""" }));
            Assert.That(shrinker.Runs, Is.LessThan(200), "halves go before single operations");
        });
    }

    [Test]
    public void Forks_stay_balanced_in_every_candidate()
    {
        string[] names = ["fork_begin", "a", "fork_begin", "b", "fork_end", "fork_end", "c", "fork_begin", "d", "fork_end"];
        List<Operation> given = [.. names.Select(n => Op($$"""{"op":"{{n}}"}"""))];
        var shrinker = new Shrinker(ops =>
        {
            int depth = 0;
            foreach (Operation op in ops)
            {
                depth += op.Name switch
                {
                    "fork_begin" => 1,
                    "fork_end" => -1,
                    _ => 0,
                };
                Assert.That(depth, Is.GreaterThanOrEqualTo(0));
            }

            Assert.That(depth, Is.Zero);
            return ops.Any(o => o.Name == "b");
        });
        Assert.That(shrinker.Shrink(given).Select(o => o.Name), Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public void What_a_fork_is_needed_for_keeps_it()
    {
        string[] names = ["x", "fork_begin", "y", "b", "fork_end", "z"];
        var shrinker = new Shrinker(ops => ops.Any(o => o.Name == "b") && ops.Any(o => o.Name == "fork_begin"));
        Assert.That(shrinker.Shrink([.. names.Select(n => Op($$"""{"op":"{{n}}"}"""))]).Select(o => o.Name), Is.EqualTo(new[] { "fork_begin", "b", "fork_end" }));
    }

    [Test]
    public void Inputs_become_simple()
    {
        Operation given = Op("""{"op":"mmap","fd":"f","len":123456789,"prot":7,"flags":18446744073709551615,"at":{"map":"m","off":99},"hex":"0badcafe","as":"map0"}""");
        var shrinker = new Shrinker(ops => ops is [{ Name: "mmap" } op] && op.U64("len") >= 4096 && op.OptionalText("fd") == "f" && op.U64("flags") != 0 && op.Has("at"));
        Assert.That(shrinker.Shrink([given])[0].Raw, Is.EqualTo("""{"op":"mmap","fd":"f","len":4096,"prot":0,"flags":1,"at":{"map":"m","off":0},"hex":"01","as":"map0"}"""));
    }

    [Test]
    public void It_stops_when_its_runs_are_spent()
    {
        int runs = 0;
        var shrinker = new Shrinker(
            _ =>
            {
                runs++;
                return false;
            },
            maxRuns: 10);
        IReadOnlyList<Operation> kept = shrinker.Shrink([.. Enumerable.Range(0, 100).Select(i => Op($$"""{"op":"close","fd":{{i}}}"""))]);
        Assert.That((runs, kept.Count), Is.EqualTo((10, 100)));
    }

    private static Operation Op(string text) => OperationWriter.Parse("t", 1, text);
}
