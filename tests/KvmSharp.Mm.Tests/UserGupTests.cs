// SPDX-License-Identifier: GPL-2.0-only
using static Linux.Gup;
using static Linux.Madvise;
using static Linux.Mmap;
using static Linux.MmuNotifier;
using static Linux.Mprotect;
using static Linux.UapiMmanCommon;

namespace KvmSharp.Mm.Tests;

/// <summary>The kernel's ways to user memory, and who hears of its going.</summary>
[TestFixture(Isa.X86_64)]
[TestFixture(Isa.Arm64)]
internal sealed class UserGupTests(Isa isa) : UserTest(isa)
{
    private const ulong Page = 4096;

    [Test]
    public void APinnedPageStaysTheParentsAcrossFork() => Program(p =>
    {
        ulong at = p.Map(0, Page, ReadWrite, PrivateAnonymous);
        p.Store(at, 1);
        page pinned = p.Kernel(() => Pin(at, foll_flag.FOLL_WRITE));
        ForkChild(p, c => Assert.That(c.Load(at), Is.EqualTo(1)));
        p.Store(at, 2);
        Assert.That(p.Kernel(() => ReadByte(pinned)), Is.EqualTo(2), "a device that writes to the pinned page would write elsewhere");
        p.Kernel(() =>
        {
            unpin_user_page(pinned);
            return 0;
        });
    });

    [Test]
    public void ATransientReferenceDoesNotSeeWritesAfterFork() => Program(p =>
    {
        ulong at = p.Map(0, Page, ReadWrite, PrivateAnonymous);
        p.Store(at, 1);
        ForkChild(p, c =>
        {
            p.Kernel(() => 0);
            c.Store(at, 3);
        });
        p.Store(at, 2);
        Assert.That(p.Load(at), Is.EqualTo(2));
    });

    [Test]
    public void PagesThatMayNotBeHadAreEfaultAndWhatComesBeforeIsTold() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, PrivateAnonymous);
        Assert.That(p.Sys(() => sys_mprotect(at + (2 * Page), Page, PROT_NONE)), Is.Zero);
        Assert.That(p.Sys(() => sys_mprotect(at + (3 * Page), Page, PROT_READ)), Is.Zero);
        Assert.That(p.Sys(() => PinMany(at, 4, foll_flag.NONE)), Is.EqualTo(2));
        Assert.That(p.Sys(() => PinMany(at + (2 * Page), 1, foll_flag.NONE)), Is.EqualTo(-EFAULT));
        Assert.That(p.Sys(() => PinMany(at + (3 * Page), 1, foll_flag.NONE)), Is.EqualTo(1));
        Assert.That(p.Sys(() => PinMany(at + (3 * Page), 1, foll_flag.FOLL_WRITE)), Is.EqualTo(-EFAULT));
        Assert.That(p.Sys(() => PinMany(at + (4 * Page), 1, foll_flag.NONE)), Is.EqualTo(-EFAULT));
        Assert.That(p.Sys(() => PinMany(0x7ffffffff000, 1, foll_flag.NONE)), Is.EqualTo(-EFAULT));
    });

    [Test]
    public void CopiesStopAtTheFirstByteThatCannotBeHad() => Program(p =>
    {
        ulong at = p.Map(0, 2 * Page, ReadWrite, PrivateAnonymous);
        p.Store(at + Page - 3, 1, 2, 3);
        Assert.That(p.Sys(() => sys_munmap(at + Page, Page)), Is.Zero);
        Assert.That(p.Sys(() => CopyIn(at + Page - 3, 8)), Is.EqualTo(5));
        Assert.That(p.Sys(() => CopyOut(at + Page - 2, 8)), Is.EqualTo(6));
        Assert.That(p.Load(at + Page - 1), Is.EqualTo(0xAA));
        Assert.That(p.Sys(() => CopyIn(0xffff888000000000, 8)), Is.EqualTo(8), "kernel memory is not user memory");
    });

    [Test]
    public void SubscribersHearOfEveryRangeBeforeItsPagesGo() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, PrivateAnonymous);
        p.Store(at + Page, 1);
        var heard = new List<string>();
        mm_struct mm = p.Mm;
        mmu_notifier notifier = new()
        {
            ops = new mmu_notifier_ops
            {
                invalidate_range_start = (mmu_notifier _, ref mmu_notifier_range r) =>
                {
                    heard.Add($"{r.@event} {(long)(r.start - at) / 4096}-{(long)(r.end - at) / 4096} rss {r.mm.rss_anon}");
                    return 0;
                },
                invalidate_range_end = (mmu_notifier _, ref mmu_notifier_range r) => heard.Add($"end rss {r.mm.rss_anon}"),
            },
        };
        Assert.That(p.Sys(() => mmu_notifier_register(notifier, mm)), Is.Zero);
        p.Sys(() => sys_mprotect(at + Page, Page, PROT_READ));
        p.Sys(() => sys_madvise(at, 2 * Page, MADV_DONTNEED));
        p.Sys(() => sys_munmap(at, 4 * Page));
        p.Sys(() =>
        {
            mmu_notifier_unregister(notifier, mm);
            return 0;
        });
        Assert.That(heard, Is.EqualTo(new[]
        {
            "MMU_NOTIFY_PROTECTION_VMA 1-2 rss 1", "end rss 1",
            "MMU_NOTIFY_CLEAR 0-1 rss 1", "end rss 1",
            "MMU_NOTIFY_CLEAR 1-2 rss 1", "end rss 0",
            "MMU_NOTIFY_UNMAP 0-4 rss 0", "end rss 0",
        }));
    });

    [Test]
    public void ASubscriberThatComesDuringAnInvalidationDoesNotHearItsEndAlone() => Program(p =>
    {
        ulong at = p.Map(0, 4 * Page, ReadWrite, SharedAnonymous);
        p.Store(at, 1);
        mm_struct mm = p.Mm;
        address_space mapping = p.Kernel(() => find_vma(mm, at)!.vm_file!.f_mapping);
        using var begun = new ManualResetEventSlim();
        bool registered = false;
        task_struct? registrar = null;
        mmu_notifier early = new()
        {
            ops = new mmu_notifier_ops
            {
                invalidate_range_start = (mmu_notifier _, ref mmu_notifier_range _) =>
                {
                    begun.Set();
                    SpinWait.SpinUntil(() => Volatile.Read(ref registered) || Volatile.Read(ref registrar) is { __state: not 0 });
                    return 0;
                },
            },
        };
        int open = 0;
        int lowest = 0;
        mmu_notifier late = new()
        {
            ops = new mmu_notifier_ops
            {
                invalidate_range_start = (mmu_notifier _, ref mmu_notifier_range _) =>
                {
                    open++;
                    return 0;
                },
                invalidate_range_end = (mmu_notifier _, ref mmu_notifier_range _) => lowest = Math.Min(lowest, --open),
            },
        };
        Assert.That(p.Sys(() => mmu_notifier_register(early, mm)), Is.Zero);
        Kernel.RunTasks(
            () => unmap_mapping_range(mapping, 0, (long)Page, 1),
            () =>
            {
                begun.Wait();
                Volatile.Write(ref registrar, current);
                Assert.That(mmu_notifier_register(late, mm), Is.Zero);
                Volatile.Write(ref registered, true);
            });
        Assert.That((lowest, open), Is.EqualTo((0, 0)));
        p.Sys(() =>
        {
            mmu_notifier_unregister(late, mm);
            mmu_notifier_unregister(early, mm);
            return 0;
        });
    });

    [Test]
    public void AnMmThatMapsAFileManyTimesLocksItOnceForASubscriber() => Program(p =>
    {
        for (int i = 0; i < 60; i++)
            p.Map(0, Page, ReadWrite, SharedAnonymous);
        ulong at = p.Map(0, 4 * Page, ReadWrite, SharedAnonymous);
        p.Sys(() => sys_mprotect(at + Page, Page, PROT_READ));
        mm_struct mm = p.Mm;
        mmu_notifier notifier = new() { ops = new mmu_notifier_ops() };
        Assert.That(p.Sys(() => mmu_notifier_register(notifier, mm)), Is.Zero);
        p.Sys(() =>
        {
            mmu_notifier_unregister(notifier, mm);
            return 0;
        });
    });

    [Test]
    public void FaultsAllocateNothingOnTheManagedHeap() => Program(p =>
    {
        const ulong Warm = 600 * Page;
        ulong at = p.Map(0, 4096 * Page, ReadWrite, PrivateAnonymous);
        byte[] data = [1];
        for (ulong i = 0; i < Warm; i += Page)
            UserMemory.Store(at + i, data);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (ulong i = Warm; i < Warm + (1000 * Page); i += Page)
            UserMemory.Store(at + i, data);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    });

    [Test]
    public void ThreadsThatFaultUnmapAndProtectAtTheSameTimeLoseNothing() => Program(p =>
    {
        const int Pages = 32;
        ulong at = p.Map(0, Pages * Page, ReadWrite, PrivateAnonymous);
        mm_struct mm = p.Mm;
        var threads = new List<Thread>();
        var failures = new List<string>();
        for (int t = 0; t < 4; t++)
        {
            int seed = t;
            var thread = new Thread(() =>
            {
                try
                {
                    Run(
                        () =>
                        {
                            Fork.mmget(mm);
                            return mm;
                        },
                        c => Hammer(c, new Random(seed), at, Pages));
                }
                catch (Exception e)
                {
                    lock (failures)
                        failures.Add(e.ToString());
                }
            });
            threads.Add(thread);
            thread.Start();
        }

        threads.ForEach(t => t.Join());
        Assert.That(failures, Is.Empty);
        mm.mm_mt.CheckInvariants();
        Assert.That(p.Sys(() => sys_munmap(at, Pages * Page)), Is.Zero);
        Assert.That(mm.rss_anon, Is.Zero);
    });

    private static void Hammer(Program c, Random random, ulong at, int pages)
    {
        for (int i = 0; i < 4000; i++)
        {
            ulong addr = at + ((ulong)random.Next(pages) * Page);
            ulong len = (ulong)random.Next(1, 5) * Page;
            len = Math.Min(len, at + ((ulong)pages * Page) - addr);
            switch (random.Next(8))
            {
                case 0:
                    c.Sys(() => sys_mmap(addr, len, PROT_READ | PROT_WRITE, PrivateAnonymous | MAP_FIXED, -1, 0));
                    break;
                case 1:
                    c.Sys(() => sys_munmap(addr, len));
                    break;
                case 2:
                    c.Sys(() => sys_mprotect(addr, len, (ulong)random.Next(4)));
                    break;
                case 3:
                    c.Sys(() => sys_madvise(addr, len, MADV_DONTNEED));
                    break;
                case 4:
                    c.Sys(() => PinMany(addr, 1, foll_flag.FOLL_WRITE));
                    break;
                default:
                    c.Store(addr, (byte)i);
                    break;
            }
        }
    }

    private static page Pin(ulong at, foll_flag flags)
    {
        page page = default;
        Assert.That(pin_user_pages_fast(at, 1, flags, new Span<page>(ref page)), Is.EqualTo(1));
        return page;
    }

    private static long PinMany(ulong at, int n, foll_flag flags)
    {
        Span<page> pages = stackalloc page[n];
        int got = pin_user_pages_fast(at, n, flags, pages);
        if (got > 0)
            unpin_user_pages(pages[..got]);
        return got;
    }

    private static byte ReadByte(page page)
    {
        byte value = 0;
        memcpy_from_page(new Span<byte>(ref value), page, 0);
        return value;
    }

    private static unsafe long CopyIn(ulong at, ulong n)
    {
        byte* to = stackalloc byte[(int)n];
        return (long)UaccessH.copy_from_user(to, at, n);
    }

    private static unsafe long CopyOut(ulong at, ulong n)
    {
        byte* from = stackalloc byte[(int)n];
        new Span<byte>(from, (int)n).Fill(0xAA);
        return (long)UaccessH.copy_to_user(at, from, n);
    }
}
