// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;
using Linux;

namespace KvmSharp.Init;

/// <summary>What the process sees of itself in /proc/self/maps and smaps.</summary>
internal sealed partial class UserProcess
{
    internal VmaInfo? FindArea(ulong address)
    {
        VmaInfo? found = null;
        WithAreas(mm =>
        {
            vm_area_struct? vma = vma_lookup(mm, address);
            if (vma is not null)
                found = show_map_vma(vma);
        });
        return found;
    }

    /// <summary>Areas that begin in [start, end) or reach into it, in order.</summary>
    internal IReadOnlyList<VmaInfo> Areas(ulong start, ulong end)
    {
        var areas = new List<VmaInfo>();
        WithAreas(mm =>
        {
            for (vm_area_struct? vma = find_vma(mm, start); vma is not null && vma.vm_start < end; vma = vma.Next)
                areas.Add(show_map_vma(vma));
        });
        return areas;
    }

    internal SmapsInfo Smaps(ulong address)
    {
        SmapsInfo info = default;
        WithAreas(mm =>
        {
            // Another thread may have unmapped it meanwhile.
            if (vma_lookup(mm, address) is not { } vma)
                return;
            mmap_assert_locked(vma.vm_mm);
            info = smap_gather_stats(vma);
        });
        return info;
    }

    internal string DescribeAreas()
    {
        var text = new StringBuilder();
        foreach (VmaInfo area in Areas(0, ulong.MaxValue))
            text.AppendLine($"    {area.Start:x}-{area.End:x} {area.Permissions} {area.Offset:x} {area.Name}");
        return text.ToString();
    }

    /// <summary>Makes the kernel's next choice of an address end below <paramref name="address"/>.</summary>
    internal void PlaceNextBelow(ulong address) => Mm.mmap_base = address;

    [MustHoldShared("mm.mmap_lock")]
    private delegate void AreaVisitor(mm_struct mm);

    private void WithAreas(AreaVisitor look) => Syscall(look, static look =>
    {
        mm_struct mm = current.mm!;
        down_read(mm.mmap_lock);
        look(mm);
        up_read(mm.mmap_lock);
        return 0;
    });
}
