// SPDX-License-Identifier: GPL-2.0-only
using static Linux.Madvise;
using static Linux.Mlock;
using static Linux.Mmap;
using static Linux.Mprotect;
using static Linux.Mremap;
using static Linux.UapiMmanCommon;

namespace KvmSharp.Mm.Tests;

/// <summary>
/// Random programs of mmap, munmap, mprotect, mremap, mlock, madvise, stores and loads, against a model that knows nothing of areas: for each page
/// of a window whether it is mapped, what may be done with it, whether it is locked and what it holds.
/// </summary>
[TestFixture(Isa.X86_64)]
[TestFixture(Isa.Arm64)]
internal sealed class UserModelTests(Isa isa) : UserTest(isa)
{
    private const ulong Page = 4096;
    private const int Pages = 48;
    private const ulong Window = 0x10_0000_0000;

    // Straddles the border of two tables, so that moves cross it.
    private const ulong Base = Window + (2UL << 20) - (Pages / 2 * Page);

    [Test]
    public void AddressSpacesDoWhatAPerPageModelDoes([Range(0, 23)] int seed) => Program(p =>
    {
        var random = new Random(seed);
        var model = new PageModel[Pages];
        for (int step = 0; step < 1500; step++)
            Step(p, random, model, $"seed {seed} step {step}", keeping: seed % 2 == 1);
        Check(p, model, $"seed {seed} at the end", keeping: seed % 2 == 1);
    });

    private static ulong At(int page) => Base + ((ulong)page * Page);

    private static void Step(Program p, Random random, PageModel[] model, string where, bool keeping)
    {
        int page = random.Next(Pages);
        int count = random.Next(1, Math.Min(12, Pages - page) + 1);
        ulong addr = At(page);
        ulong len = (ulong)count * Page;
        ulong prot = (ulong)random.Next(4);
        Span<PageModel> range = model.AsSpan(page, count);
        switch (random.Next(11))
        {
            case 0:
            case 1:
                Assert.That(p.Sys(() => sys_mmap(addr, len, prot, PrivateAnonymous | MAP_FIXED, -1, 0)), Is.EqualTo((long)addr), where);
                range.Fill(new PageModel(true, prot, false, 0));
                break;
            case 2:
                Assert.That(p.Sys(() => sys_munmap(addr, len)), Is.Zero, where);
                range.Clear();
                break;
            case 3:
            {
                long error = p.Sys(() => sys_mprotect(addr, len, prot));
                int hole = FirstHole(range);
                Assert.That(error, Is.EqualTo(hole < count ? -ENOMEM : 0), where);

                // Areas before the hole are changed, unless the range begins in it.
                for (int i = 0; i < hole; i++)
                    range[i] = range[i] with { Prot = prot };
                break;
            }

            case 4:
                Move(p, random, model, page, count, where, keeping);
                break;
            case 5:
            {
                bool @lock = random.Next(2) == 0;
                long error = p.Sys(() => @lock ? sys_mlock2(addr, len, MLOCK_ONFAULT) : sys_munlock(addr, len));
                int hole = FirstHole(range);
                Assert.That(error, Is.EqualTo(hole < count ? -ENOMEM : 0), where);
                for (int i = 0; i < hole; i++)
                    range[i] = range[i] with { Locked = @lock };
                break;
            }

            case 6:
            {
                long error = p.Sys(() => sys_madvise(addr, len, MADV_DONTNEED_LOCKED));
                Assert.That(error, Is.EqualTo(FirstHole(range) < count ? -ENOMEM : 0), where);
                foreach (ref PageModel m in range)
                    m = m.Mapped ? m with { Value = 0 } : m;
                break;
            }

            case 7:
            case 8:
            {
                byte value = (byte)random.Next(1, 256);
                kernel_siginfo? signal = p.Store(addr + 100, value);
                PageModel m = model[page];
                Assert.That(signal?.si_code ?? 0, Is.EqualTo(!m.Mapped ? 1 : (m.Prot & PROT_WRITE) == 0 ? 2 : 0), where);
                if (signal is null)
                    model[page] = m with { Value = value };
                break;
            }

            case 9:
                Load(p, model, page, where);
                break;
            default:
                Check(p, model, where, keeping);
                break;
        }
    }

    private static void Load(Program p, PageModel[] model, int page, string where)
    {
        byte value = 0;
        kernel_siginfo? signal = p.Load(At(page) + 100, new Span<byte>(ref value));
        PageModel m = model[page];
        Assert.That(signal?.si_code ?? 0, Is.EqualTo(!m.Mapped ? 1 : m.Prot == 0 ? 2 : 0), where);
        if (signal is null)
            Assert.That(value, Is.EqualTo(m.Value), where);
    }

    private static void Move(Program p, Random random, PageModel[] model, int page, int count, string where, bool keeping)
    {
        int to = random.Next(Pages - count + 1);
        if (to < page + count && page < to + count)
            return;
        ulong len = (ulong)count * Page;
        bool keep = keeping && random.Next(4) == 0;
        ulong flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);
        long result = p.Sys(() => sys_mremap(At(page), len, len, flags, At(to)));
        if (!model[page].Mapped)
        {
            Assert.That(result, Is.EqualTo(-EFAULT), where);
            return;
        }

        // Everything in the range moves, with the holes between; a hole at the end leaves what is at the target.
        Assert.That(result, Is.EqualTo((long)At(to)), where);
        ForgetLocked(p, model, keep, page, count);
        for (int i = 0; i < count; i++)
        {
            PageModel m = model[page + i];
            if (!m.Mapped)
                continue;
            model[to + i] = m;
            model[page + i] = keep ? m with { Value = 0, Locked = false } : default;
        }
    }

    // DONTUNMAP unlocks whole areas, whatever part of them moves: how far that goes is read from the kernel and only checked for the moved part.
    private static void ForgetLocked(Program p, PageModel[] model, bool keep, int page, int count)
    {
        if (!keep)
            return;
        for (int i = 0; i < Pages; i++)
        {
            if (i >= page && i < page + count)
                continue;
            vm_area_struct? vma = MmH.vma_lookup(p.Mm, At(i));
            if (vma is not null)
                model[i] = model[i] with { Locked = (vma.vm_flags & VM_LOCKED) != 0 };
        }
    }

    private static int FirstHole(ReadOnlySpan<PageModel> range)
    {
        int i = 0;
        while (i < range.Length && range[i].Mapped)
            i++;
        return i;
    }

    private static void Check(Program p, PageModel[] model, string where, bool keeping)
    {
        mm_struct mm = p.Mm;
        mm.mm_mt.CheckInvariants();
        ulong total = 0;
        vm_area_struct? before = null;
        for (int i = 0; i < Pages; i++)
        {
            vm_area_struct? vma = MmH.vma_lookup(mm, At(i));
            Assert.That(vma is not null, Is.EqualTo(model[i].Mapped), $"{where}: page {i}");
            if (vma is null)
                continue;
            total++;
            ulong prot = ((vma.vm_flags & VM_READ) != 0 ? PROT_READ : 0) | ((vma.vm_flags & VM_WRITE) != 0 ? PROT_WRITE : 0);
            Assert.That(prot, Is.EqualTo(model[i].Prot), $"{where}: page {i}");
            Assert.That((vma.vm_flags & VM_LOCKED) != 0, Is.EqualTo(model[i].Locked), $"{where}: page {i}");

            // Neighbours that are alike in everything have become one, but for areas that DONTUNMAP unlocked in passing.
            if (!keeping && before is not null && before != vma && before.vm_end == vma.vm_start && before.vm_flags == vma.vm_flags && before.anon_vma is null && vma.anon_vma is null)
                Assert.That(vma.vm_pgoff, Is.Not.EqualTo(before.vm_pgoff + ((before.vm_end - before.vm_start) >> 12)), $"{where}: unmerged at page {i}");
            before = vma;
        }

        Assert.That(mm.total_vm, Is.EqualTo(total), where);
        Assert.That(mm.map_count, Is.EqualTo(mm.mm_mt.Count), where);
        for (int i = 0; i < Pages; i++)
            Load(p, model, i, $"{where}: page {i}");
    }

    private readonly record struct PageModel(bool Mapped, ulong Prot, bool Locked, byte Value);
}
