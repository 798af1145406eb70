// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// Lock types, counted types and operations the samples share. Bodies are empty: only contracts matter.

global using Kern;
global using static Kern.Ops;

namespace Kern
{
    /// <summary>Sleeping lock.</summary>
    [ContextLock]
    public sealed class KMutex
    {
        [Acquires("this")]
        public void Lock()
        {
        }

        [Releases("this")]
        public void Unlock()
        {
        }

        [CondAcquires(true, "this")]
        public bool TryLock() => true;

        /// <summary>0 when taken.</summary>
        [CondAcquires(true, "this")]
        public int LockInterruptible() => 0;

        [AssertsHeld("this")]
        public void AssertHeld()
        {
        }
    }

    /// <summary>Reader-writer lock.</summary>
    [ContextLock]
    public sealed class RwSem
    {
        [Acquires("this")]
        public void DownWrite()
        {
        }

        [Releases("this")]
        public void UpWrite()
        {
        }

        [AcquiresShared("this")]
        public void DownRead()
        {
        }

        [ReleasesShared("this")]
        public void UpRead()
        {
        }

        [CondAcquires(true, "this")]
        public bool TryDownWrite() => true;

        [CondAcquiresShared(true, "this")]
        public bool TryDownRead() => true;

        [Releases("this")]
        [AcquiresShared("this")]
        public void DowngradeWrite()
        {
        }

        [AssertsHeld("this")]
        public void AssertWrite()
        {
        }

        [AssertsHeldShared("this")]
        public void AssertRead()
        {
        }
    }

    /// <summary>No sleeping while held.</summary>
    [ContextLock(Atomic = true)]
    public sealed class Spin
    {
        [Acquires("this")]
        public void Lock()
        {
        }

        [Releases("this")]
        public void Unlock()
        {
        }

        [CondAcquires(true, "this")]
        public bool TryLock() => true;
    }

    /// <summary>May be taken again by its holder.</summary>
    [ContextLock(Reentrant = true)]
    public sealed class Rec
    {
        [Acquires("this")]
        public void Lock()
        {
        }

        [Releases("this")]
        public void Unlock()
        {
        }

        [AcquiresShared("this")]
        public void LockShared()
        {
        }

        [ReleasesShared("this")]
        public void UnlockShared()
        {
        }

        [CondAcquires(true, "this")]
        public bool TryLock() => true;
    }

    /// <summary>Guard made by its constructor.</summary>
    [ScopedLock]
    public sealed class MutexGuard : IDisposable
    {
        [Acquires("mutex")]
        [ContextUnsafe("implementation")]
        public MutexGuard(KMutex mutex)
        {
        }

        [ContextUnsafe("implementation")]
        public void Dispose()
        {
        }
    }

    /// <summary>Counted by instance methods.</summary>
    [RefCounted("Get", "Put")]
    public class Obj
    {
        public int Size;
        public Obj? Next;

        public Obj Get() => this;

        public void Put()
        {
        }

        public void Touch()
        {
        }
    }

    /// <summary>Counted by static methods, a lock, and a piece of memory.</summary>
    [RefCounted("folio_get", "folio_put")]
    [ContextLock]
    public sealed class Folio
    {
        public int Index;
    }

    /// <summary>Operations in the manner of C.</summary>
    public static class Ops
    {
        [ReturnsReference]
        [ContextUnsafe("implementation")]
        public static Obj MakeObj() => new();

        [ReturnsReference]
        [ContextUnsafe("implementation")]
        public static Obj? FindObj(int key) => key == 0 ? null : new Obj();

        public static void Use(object? value)
        {
        }

        public static void UseInt(int value)
        {
        }

        public static bool Flag() => true;

        public static int Number() => 0;

        [MightSleep]
        public static void Schedule()
        {
        }

        public static void folio_get(Folio folio)
        {
        }

        public static void folio_put(Folio folio)
        {
        }

        [Acquires("folio")]
        [ContextUnsafe("implementation")]
        public static void folio_lock([BorrowsReference] Folio folio)
        {
        }

        [CondAcquires(true, "folio")]
        [ContextUnsafe("implementation")]
        public static bool folio_trylock([BorrowsReference] Folio folio) => true;

        [Releases("folio")]
        [ContextUnsafe("implementation")]
        public static void folio_unlock([BorrowsReference] Folio folio)
        {
        }

        [ReturnsReference]
        [ContextUnsafe("implementation")]
        public static Folio folio_alloc() => new();

        [ContextUnsafe("implementation")]
        public static void folio_free([ConsumesReference] Folio folio)
        {
        }

        public static int folio_zap_direct_map(Folio folio) => 0;

        public static void folio_restore_direct_map(Folio folio)
        {
        }

        public static int set_direct_map_invalid_noflush(Folio folio) => 0;

        public static int set_direct_map_default_noflush(Folio folio) => 0;

        public static void flush_tlb_folio(Folio folio)
        {
        }

        public static void flush_tlb_kernel_range(Folio folio)
        {
        }

        public static void flush_tlb_all()
        {
        }

        public static nint folio_address(Folio folio) => 0;

        public static void folio_zero_range(Folio folio, int from, int length)
        {
        }

        public static void Publish(Folio folio)
        {
        }
    }
}
