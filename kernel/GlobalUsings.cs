// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
#pragma warning disable IDE0005 // not every function is called in every state of the tree
// The external functions of include/linux, lib and kernel that every part of the image uses.
global using System.Runtime.CompilerServices;
global using KvmSharp.Annotations;
global using static Linux.AtomicInstrumentedH;
global using static Linux.BitopsAtomicH;
global using static Linux.BugH;
global using static Linux.Completion;
global using static Linux.Core;
global using static Linux.CurrentH;
global using static Linux.Errno;
global using static Linux.FaultInject;
global using static Linux.IrqflagsH;
global using static Linux.KrefH;
global using static Linux.Kthread;
global using static Linux.Lockdep;
global using static Linux.LockdepH;
global using static Linux.Mutex;
global using static Linux.PercpuH;
global using static Linux.PreemptH;
global using static Linux.Printk;
global using static Linux.RcupdateH;
global using static Linux.RcuwaitH;
global using static Linux.Refcount;
global using static Linux.RefcountH;
global using static Linux.RwlockH;
global using static Linux.Rwsem;
global using static Linux.SchedH;
global using static Linux.SeqlockH;
global using static Linux.Signal;
global using static Linux.SmpH;
global using static Linux.SpinlockH;
global using static Linux.Srcutree;
global using static Linux.TaskWork;
global using static Linux.Timer;
global using static Linux.Tree;
global using static Linux.Wait;
global using static Linux.WaitBit;
global using static Linux.WaitH;
global using raw_spinlock_t = Linux.spinlock_t;
