// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

internal sealed class anon_vma;

internal sealed class mempolicy;

internal sealed class mmu_notifier_subscriptions;
