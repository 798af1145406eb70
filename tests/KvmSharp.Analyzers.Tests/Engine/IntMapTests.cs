// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.Util;

namespace KvmSharp.Analyzers.Tests.Engine;

/// <summary>The persistent map against a dictionary.</summary>
[TestFixture]
public sealed class IntMapTests
{
    [Test]
    public void BehavesLikeADictionary([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        IntMap<string> map = IntMap<string>.Empty;
        var model = new SortedDictionary<int, string>();
        for (int i = 0; i < 500; i++)
        {
            int key = random.Next(1, 80);
            if (random.Next(3) == 0)
            {
                map = map.Remove(key);
                model.Remove(key);
            }
            else
            {
                string value = random.Next(4).ToString(System.Globalization.CultureInfo.InvariantCulture);
                map = map.Set(key, value);
                model[key] = value;
            }

            Assert.That(map[key], Is.EqualTo(model.GetValueOrDefault(key)));
        }

        Assert.That(map.ToList(), Is.EqualTo(model.ToList()));
    }

    [Test]
    public void DifferencesAreExactlyTheKeysThatDiffer([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        IntMap<string> shared = IntMap<string>.Empty;
        for (int i = 0; i < 40; i++)
            shared = shared.Set(random.Next(1, 60), "s");
        IntMap<string> left = Change(shared, random), right = Change(shared, random);
        var expected = Enumerable.Range(1, 60).Where(k => !ReferenceEquals(left[k], right[k])).Select(k => (k, left[k], right[k])).ToList();
        Assert.That(left.Differences(right), Is.EqualTo(expected));
    }

    [Test]
    public void MergeOfAMapWithItselfIsTheMap()
    {
        IntMap<string> map = IntMap<string>.Empty.Set(1, "a").Set(2, "b");
        Assert.That(map.Merge(map, static (_, _, _) => null).IsSame(map), Is.True);
    }

    private static IntMap<string> Change(IntMap<string> map, Random random)
    {
        for (int i = 0; i < 10; i++)
            map = random.Next(2) == 0 ? map.Remove(random.Next(1, 60)) : map.Set(random.Next(1, 60), "c");
        return map;
    }
}
