// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.ContractModel;

namespace KvmSharp.Analyzers.Tests.Engine;

/// <summary>Stage one: text to words.</summary>
[TestFixture]
public sealed class LockPathTests
{
    [TestCase("_mu", new[] { "_mu" })]
    [TestCase("this", new[] { "this" })]
    [TestCase("inode.i_mapping.invalidate_lock", new[] { "inode", "i_mapping", "invalidate_lock" })]
    [TestCase("_locks.*", new[] { "_locks", "*" })]
    [TestCase("a.Get().Mu", new[] { "a", "Get()", "Mu" })]
    [TestCase("*", new[] { "*" })]
    public void CutsAPathIntoWords(string text, string[] words)
    {
        LockPath path = LockPath.Parse(text);
        Assert.Multiple(() =>
        {
            Assert.That(path.Error, Is.Null);
            Assert.That(path.Segments.Select(s => s.Name + (s.IsCall ? "()" : string.Empty)), Is.EqualTo(words));
        });
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("  ")]
    [TestCase("a..b")]
    [TestCase(".a")]
    [TestCase("a.")]
    [TestCase("a b")]
    [TestCase("@a")]
    [TestCase("1a")]
    [TestCase("a[0]")]
    [TestCase("a(b)")]
    [TestCase("*.a")]
    [TestCase("global::A.B")]
    public void RefusesWhatIsNoPath(string? text) => Assert.That(LockPath.Parse(text).Error, Is.Not.Null);
}
