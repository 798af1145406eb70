// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// The whole contract language in one file, so that a code base may carry a copy instead of a package reference.

#nullable enable

using System;

namespace KvmSharp.Annotations
{
    /// <summary>Reading the data needs the lock in any mode; writing needs it exclusively. Several: all are needed.</summary>
    [AttributeUsage(AttributeTargets.Field | AttributeTargets.Property | AttributeTargets.Parameter, AllowMultiple = true, Inherited = false)]
    public sealed class GuardedByAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="lockExpression">Lock expression of the guard.</param>
        public GuardedByAttribute(string lockExpression)
        {
            this.Lock = lockExpression;
        }

        /// <summary>Gets the lock expression of the guard.</summary>
        public string Lock { get; }
    }

    /// <summary>The reference is free to read and assign; the object behind it is guarded.</summary>
    [AttributeUsage(AttributeTargets.Field | AttributeTargets.Property | AttributeTargets.Parameter, AllowMultiple = true, Inherited = false)]
    public sealed class PtGuardedByAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="lockExpression">Lock expression of the guard.</param>
        public PtGuardedByAttribute(string lockExpression)
        {
            this.Lock = lockExpression;
        }

        /// <summary>Gets the lock expression of the guard.</summary>
        public string Lock { get; }
    }

    /// <summary>The caller holds the locks exclusively at entry, and they are still held at exit.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class MustHoldAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public MustHoldAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The caller holds the locks in at least shared mode at entry, and they are still held at exit.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class MustHoldSharedAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public MustHoldSharedAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The caller holds the locks in no mode.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class MustNotHoldAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public MustNotHoldAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The locks are not held at entry and are held exclusively at every normal exit.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class AcquiresAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public AcquiresAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The locks are not held at entry and are held shared at every normal exit.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class AcquiresSharedAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public AcquiresSharedAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The locks are held exclusively at entry and are not held at exit.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class ReleasesAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public ReleasesAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The locks are held shared at entry and are not held at exit.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class ReleasesSharedAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public ReleasesSharedAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The locks are taken exclusively only where the result means success. For integers true stands for 0, for references for non-null.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class CondAcquiresAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="when">Outcome that means the lock was taken.</param>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public CondAcquiresAttribute(bool when, params string[] locks)
        {
            this.When = when;
            this.Locks = locks;
        }

        /// <summary>Gets the outcome that means the lock was taken.</summary>
        public bool When { get; }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The locks are taken shared only where the result means success. For integers true stands for 0, for references for non-null.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class CondAcquiresSharedAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="when">Outcome that means the lock was taken.</param>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public CondAcquiresSharedAttribute(bool when, params string[] locks)
        {
            this.When = when;
            this.Locks = locks;
        }

        /// <summary>Gets the outcome that means the lock was taken.</summary>
        public bool When { get; }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>After the call the locks may be taken as held exclusively.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class AssertsHeldAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public AssertsHeldAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>After the call the locks may be taken as held shared.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Event, AllowMultiple = true, Inherited = false)]
    public sealed class AssertsHeldSharedAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public AssertsHeldSharedAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The result is the named lock.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Property, AllowMultiple = false, Inherited = false)]
    public sealed class ReturnsLockAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="lockExpression">Lock expression the result stands for.</param>
        public ReturnsLockAttribute(string lockExpression)
        {
            this.Lock = lockExpression;
        }

        /// <summary>Gets the lock expression the result stands for.</summary>
        public string Lock { get; }
    }

    /// <summary>Objects of the type are locks.</summary>
    [AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Interface, AllowMultiple = false, Inherited = false)]
    public sealed class ContextLockAttribute : Attribute
    {
        /// <summary>Gets or sets the name used in messages; the type name when null.</summary>
        public string? Name { get; set; }

        /// <summary>Gets or sets a value indicating whether sleeping is forbidden while the lock is held.</summary>
        public bool Atomic { get; set; }

        /// <summary>Gets or sets a value indicating whether the holder may take the lock again; depth is counted.</summary>
        public bool Reentrant { get; set; }
    }

    /// <summary>A guard: its constructor or factory acquires, its <c>Dispose</c> or <c>DisposeAsync</c> releases.</summary>
    [AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct, AllowMultiple = false, Inherited = false)]
    public sealed class ScopedLockAttribute : Attribute
    {
    }

    /// <summary>This lock is taken before the named ones.</summary>
    [AttributeUsage(AttributeTargets.Field | AttributeTargets.Property, AllowMultiple = true, Inherited = false)]
    public sealed class AcquiredBeforeAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public AcquiredBeforeAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>This lock is taken after the named ones.</summary>
    [AttributeUsage(AttributeTargets.Field | AttributeTargets.Property, AllowMultiple = true, Inherited = false)]
    public sealed class AcquiredAfterAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="locks">Lock expressions this contract speaks of.</param>
        public AcquiredAfterAttribute(params string[] locks)
        {
            this.Locks = locks;
        }

        /// <summary>Gets the lock expressions this contract speaks of.</summary>
        public string[] Locks { get; }
    }

    /// <summary>The body is not analysed; the contract still binds callers. On data: accesses are not checked.</summary>
    [AttributeUsage(AttributeTargets.All, AllowMultiple = false, Inherited = false)]
    public sealed class ContextUnsafeAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="reason">Reason a reviewer would accept.</param>
        public ContextUnsafeAttribute(string reason)
        {
            this.Reason = reason;
        }

        /// <summary>Gets the reason a reviewer would accept.</summary>
        public string Reason { get; }
    }

    /// <summary>May block. On a type: every method of it may.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate | AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Interface, AllowMultiple = false, Inherited = false)]
    public sealed class MightSleepAttribute : Attribute
    {
    }

    /// <summary>The body runs where sleeping is forbidden.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Constructor | AttributeTargets.Property | AttributeTargets.Delegate, AllowMultiple = false, Inherited = false)]
    public sealed class AtomicContextAttribute : Attribute
    {
    }

    /// <summary>The result is an owned, counted reference unless it is null.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Property | AttributeTargets.ReturnValue | AttributeTargets.Parameter | AttributeTargets.Delegate, AllowMultiple = false, Inherited = false)]
    public sealed class ReturnsReferenceAttribute : Attribute
    {
    }

    /// <summary>The callee takes over one count of the caller; on data, storing hands the count over.</summary>
    [AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Method | AttributeTargets.Field | AttributeTargets.Property, AllowMultiple = false, Inherited = false)]
    public sealed class ConsumesReferenceAttribute : Attribute
    {
    }

    /// <summary>The callee adds one count for the caller.</summary>
    [AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Method, AllowMultiple = false, Inherited = false)]
    public sealed class AcquiresReferenceAttribute : Attribute
    {
    }

    /// <summary>The callee removes one count of the caller.</summary>
    [AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Method, AllowMultiple = false, Inherited = false)]
    public sealed class DropsReferenceAttribute : Attribute
    {
    }

    /// <summary>Counts do not change; on data, the reference is uncounted.</summary>
    [AttributeUsage(AttributeTargets.Parameter | AttributeTargets.ReturnValue | AttributeTargets.Method | AttributeTargets.Field | AttributeTargets.Property, AllowMultiple = false, Inherited = false)]
    public sealed class BorrowsReferenceAttribute : Attribute
    {
    }

    /// <summary>Objects of the type are counted.</summary>
    [AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Interface, AllowMultiple = false, Inherited = false)]
    public sealed class RefCountedAttribute : Attribute
    {
        /// <summary>States the contract.</summary>
        /// <param name="get">Name of the method that adds a count, or the empty string.</param>
        /// <param name="put">Name of the method that drops a count, or the empty string.</param>
        public RefCountedAttribute(string get, string put)
        {
            this.Get = get;
            this.Put = put;
        }

        /// <summary>Gets the name of the method that adds a count, or the empty string.</summary>
        public string Get { get; }

        /// <summary>Gets the name of the method that drops a count, or the empty string.</summary>
        public string Put { get; }
    }

    /// <summary>The result must be used. On a type: every result of that type.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Property | AttributeTargets.ReturnValue | AttributeTargets.Delegate | AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Interface | AttributeTargets.Enum, AllowMultiple = false, Inherited = false)]
    public sealed class MustCheckAttribute : Attribute
    {
    }

    /// <summary>The result may encode an error and is tested before use.</summary>
    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Property | AttributeTargets.ReturnValue | AttributeTargets.Delegate | AttributeTargets.Parameter, AllowMultiple = false, Inherited = false)]
    public sealed class ErrorPointerAttribute : Attribute
    {
    }
}
