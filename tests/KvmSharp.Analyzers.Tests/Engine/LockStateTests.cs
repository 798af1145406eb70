// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.Domains.Locks;
using KvmSharp.Analyzers.Domains.References;

namespace KvmSharp.Analyzers.Tests.Engine;

/// <summary>The joins of the lattices.</summary>
[TestFixture]
public sealed class LockStateTests
{
    private static readonly LockState Acquired = LockState.Held(false, LockSource.Acquired, null);
    private static readonly LockState Shared = LockState.Held(true, LockSource.Acquired, null);
    private static readonly LockState Managed = LockState.Held(false, LockSource.Managed, null);
    private static readonly LockState Asserted = LockState.Held(false, LockSource.Asserted, null);

    [Test]
    public void EqualStatesStay()
    {
        LockState? joined = LockState.Join(Acquired, LockState.Held(false, LockSource.Acquired, null), false, out bool conflict);
        Assert.Multiple(() =>
        {
            Assert.That(conflict, Is.False);
            Assert.That(LockState.Same(joined, Acquired), Is.True);
        });
    }

    [Test]
    public void AssertedAndAcquiredIsAcquired()
    {
        LockState? joined = LockState.Join(Asserted, Acquired, false, out bool conflict);
        Assert.Multiple(() =>
        {
            Assert.That(conflict, Is.False);
            Assert.That(joined!.Source, Is.EqualTo(LockSource.Acquired));
        });
    }

    [Test]
    public void OneSidedAssertedOrManagedIsSilentlyNotHeld()
    {
        Assert.Multiple(() =>
        {
            Assert.That(LockState.Join(Asserted, null, false, out bool first), Is.Null);
            Assert.That(first, Is.False);
            Assert.That(LockState.Join(null, Managed, false, out bool second), Is.Null);
            Assert.That(second, Is.False);
        });
    }

    [Test]
    public void GuardLostInALoopIsAConflict()
    {
        LockState? joined = LockState.Join(Managed, null, loopEntry: true, out bool conflict);
        Assert.Multiple(() =>
        {
            Assert.That(conflict, Is.True);
            Assert.That(joined!.IsUnknown, Is.True);
        });
    }

    [Test]
    public void OneSidedAcquiredIsAConflict()
    {
        LockState? joined = LockState.Join(null, Acquired, false, out bool conflict);
        Assert.Multiple(() =>
        {
            Assert.That(conflict, Is.True);
            Assert.That(joined!.IsUnknown, Is.True);
        });
    }

    [Test]
    public void ModesAndDepthsConflict()
    {
        Assert.Multiple(() =>
        {
            LockState.Join(Acquired, Shared, false, out bool modes);
            Assert.That(modes, Is.True);
            LockState.Join(Acquired, Acquired.Deeper(1), false, out bool depths);
            Assert.That(depths, Is.True);
            LockState? silent = LockState.Join(Managed, LockState.Held(true, LockSource.Managed, null), false, out bool managed);
            Assert.That(managed, Is.False);
            Assert.That(silent!.IsShared, Is.True);
        });
    }

    [Test]
    public void UnknownWithAnythingIsUnknown()
    {
        foreach (LockState? other in new[] { null, Acquired, Shared, Managed, Asserted, LockState.Unknown })
        {
            LockState? joined = LockState.Join(LockState.Unknown, other, false, out bool conflict);
            Assert.Multiple(() =>
            {
                Assert.That(joined!.IsUnknown, Is.True);
                Assert.That(conflict, Is.False);
            });
        }
    }

    [Test]
    public void CountsGoBackToWhatWasThereBefore()
    {
        var borrowed = new RefState(RefState.Borrowed, null, null);
        RefState taken = borrowed.AddCount(null!);
        Assert.Multiple(() =>
        {
            Assert.That(taken.MayBeOwned, Is.True);
            Assert.That(taken.TakeCount(RefState.Dropped, null!).Bits, Is.EqualTo(RefState.Borrowed));
            Assert.That(RefState.OwnedOne(null).TakeCount(RefState.Dropped, null!).Bits, Is.EqualTo(RefState.Dropped));
            Assert.That(RefState.OwnedOne(null).AddCount(null!).TakeCount(RefState.Dropped, null!).Bits, Is.EqualTo(RefState.OwnedOne(null).Bits));
        });
    }

    [Test]
    public void AReportedReferenceStaysSilentExceptInsideItsLoop()
    {
        var reported = new RefState(RefState.Reported, null, null);
        RefState owned = RefState.OwnedOne(null);
        Assert.Multiple(() =>
        {
            Assert.That(RefState.Join(reported, owned)!.Bits, Is.EqualTo(RefState.Reported));
            Assert.That(RefState.Join(reported, owned, loop: true)!.Bits, Is.EqualTo(RefState.Reported | owned.Bits));
        });
    }
}
