// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using FsCheck;
using FsCheck.Fluent;

namespace KvmSharp.Machine.Tests;

[TestFixture]
public sealed class CpuSetTests
{
    [Test]
    public void ItBehavesAsASetOfIntegers() =>
        Prop.ForAll<int[], int[]>((xs, ys) =>
        {
            SortedSet<int> a = [.. xs.Select(Number)], b = [.. ys.Select(Number)];
            CpuSet sa = Make(a), sb = Make(b);
            CpuSet or = sa, and = sa, not = sa;
            or.UnionWith(sb);
            and.IntersectWith(sb);
            not.ExceptWith(sb);
            return sa.Count == a.Count
                && sa.IsEmpty == (a.Count == 0)
                && Members(sa).SequenceEqual(a)
                && Members(or).SequenceEqual(a.Union(b).Order())
                && Members(and).SequenceEqual(a.Intersect(b).Order())
                && Members(not).SequenceEqual(a.Except(b).Order())
                && (sa == sb) == a.SetEquals(b)
                && Enumerable.Range(0, 1024).All(i => sa.Contains(i) == a.Contains(i));
        }).QuickCheckThrowOnFailure();

    [TestCase(0, "")]
    [TestCase(1, "0")]
    [TestCase(64, "0-63")]
    [TestCase(65, "0-64")]
    [TestCase(1024, "0-1023")]
    public void TheFirstNumbersAreARange(int n, string text)
    {
        CpuSet s = CpuSet.FirstN(n);
        Assert.That(s.Count, Is.EqualTo(n));
        Assert.That(s.ToString(), Is.EqualTo(text));
    }

    [Test]
    public void RangesAreWrittenShort() => Assert.That(CpuSet.Of(1, 2, 3, 64, 1023).ToString(), Is.EqualTo("1-3,64,1023"));

    [TestCase(-1)]
    [TestCase(1024)]
    public void ANumberOutOfRangeIsRefused(int cpu)
    {
        CpuSet s = default;
        Assert.Throws<ArgumentOutOfRangeException>(() => s.Add(cpu));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = s.Contains(cpu));
    }

    private static int Number(int x) => (int)((uint)(x * 2654435761u) % 1024);

    private static CpuSet Make(IEnumerable<int> members) => CpuSet.Of([.. members]);

    private static List<int> Members(CpuSet s)
    {
        List<int> list = [];
        foreach (int i in s)
            list.Add(i);
        return list;
    }
}
