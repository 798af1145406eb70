// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// The areas of an address space, ordered and disjoint: a height-balanced tree whose links are fields of the areas, so that nothing is
/// allocated, and a list through them. Each subtree knows the widest gap in front of one of its areas. This is what the maple tree does in
/// Linux. Readers hold mmap_lock in any mode, writers for writing.
/// </summary>
internal sealed class VmaTree
{
    /// <summary>Bytes below a downward-growing area that only it may grow into.</summary>
    internal const ulong StackGuardGap = 256UL << PAGE_SHIFT;

    private vm_area_struct? _root;

    internal int Count { get; private set; }

    internal vm_area_struct? First { get; private set; }

    internal vm_area_struct? Last { get; private set; }

    /// <summary>Lowest address that a new area may not reach into.</summary>
    internal static ulong StartWithGap(vm_area_struct vma)
    {
        if ((vma.vm_flags & VM_GROWSDOWN) == 0)
            return vma.vm_start;
        return vma.vm_start > StackGuardGap ? vma.vm_start - StackGuardGap : 0;
    }

    /// <summary>The first area that ends after the address.</summary>
    internal vm_area_struct? Find(ulong addr)
    {
        vm_area_struct? node = _root;
        vm_area_struct? best = null;
        while (node is not null)
        {
            if (node.vm_end > addr)
            {
                best = node;
                if (node.vm_start <= addr)
                    break;
                node = node.Left;
            }
            else
            {
                node = node.Right;
            }
        }

        return best;
    }

    /// <summary>The last area that starts before the address, and the one after it.</summary>
    internal vm_area_struct? FindBefore(ulong addr, out vm_area_struct? next)
    {
        vm_area_struct? node = _root;
        vm_area_struct? best = null;
        while (node is not null)
        {
            if (node.vm_start < addr)
            {
                best = node;
                node = node.Right;
            }
            else
            {
                node = node.Left;
            }
        }

        next = best is null ? First : best.Next;
        return best;
    }

    internal void Insert(vm_area_struct vma)
    {
        vm_area_struct? previous = FindBefore(vma.vm_end, out vm_area_struct? next);
        if ((previous is not null && previous.vm_end > vma.vm_start) || vma.Attached)
            throw new KernelOops($"{vma} inserted over {previous}");
        vma.Left = vma.Right = null;
        vma.Height = 1;
        vma.Previous = previous;
        vma.Next = next;
        vma.Attached = true;
        if (previous is null)
            First = vma;
        else
            previous.Next = vma;
        if (next is null)
            Last = vma;
        else
            next.Previous = vma;
        Count++;
        vma.SubtreeGap = Gap(vma);
        _root = Insert(_root, vma);
        if (next is not null)
            UpdatePath(next);
    }

    internal void Erase(vm_area_struct vma)
    {
        if (!vma.Attached)
            throw new KernelOops($"{vma} erased but not in the tree");
        vm_area_struct? next = vma.Next;
        if (vma.Previous is null)
            First = next;
        else
            vma.Previous.Next = next;
        if (next is null)
            Last = vma.Previous;
        else
            next.Previous = vma.Previous;
        _root = Erase(_root, vma);
        vma.Left = vma.Right = vma.Previous = vma.Next = null;
        vma.Attached = false;
        Count--;
        if (next is not null)
            UpdatePath(next);
    }

    /// <summary>After the start or the end of an area in the tree changed; the order must be as before.</summary>
    internal void Update(vm_area_struct vma)
    {
        UpdatePath(vma);
        if (vma.Next is not null)
            UpdatePath(vma.Next);
    }

    /// <summary>The highest free range of the length within the limits, page aligned; 0 if there is none.</summary>
    internal ulong GapTopDown(ulong length, ulong low, ulong high)
    {
        if (length > high || high - length < low)
            return 0;
        ulong top = Last is null ? 0 : Last.vm_end;
        if (top < high && high - Math.Max(top, low) >= length && Math.Max(top, low) < high)
            return high - length;
        return TopDown(_root, length, low, high);
    }

    /// <summary>The lowest free range of the length within the limits; 0 if there is none.</summary>
    internal ulong GapBottomUp(ulong length, ulong low, ulong high)
    {
        if (length > high || high - length < low)
            return 0;
        ulong found = BottomUp(_root, length, low, high);
        if (found != 0)
            return found;
        ulong from = Math.Max(Last is null ? 0 : Last.vm_end, low);
        return from < high && high - from >= length ? from : 0;
    }

    /// <summary>Checks order, links, balance and gaps.</summary>
    internal void CheckInvariants()
    {
        int n = 0;
        vm_area_struct? before = null;
        for (vm_area_struct? vma = First; vma is not null; vma = vma.Next)
        {
            n++;
            if (vma.Previous != before || vma.vm_start >= vma.vm_end || (before is not null && before.vm_end > vma.vm_start) || !vma.Attached)
                throw new KernelOops($"area list broken at {vma} after {before}");
            before = vma;
        }

        if (n != Count || before != Last || Walk(_root) != Count)
            throw new KernelOops($"area tree has {Walk(_root)} areas, list {n}, count {Count}");
    }

    private static int Walk(vm_area_struct? node)
    {
        if (node is null)
            return 0;
        int n = 1 + Walk(node.Left) + Walk(node.Right);
        ulong gap = Math.Max(Gap(node), Math.Max(node.Left?.SubtreeGap ?? 0, node.Right?.SubtreeGap ?? 0));
        if (gap != node.SubtreeGap || node.Height != 1 + Math.Max(H(node.Left), H(node.Right)) || Math.Abs(H(node.Left) - H(node.Right)) > 1)
            throw new KernelOops($"area tree broken at {node}");
        return n;
    }

    private static ulong Gap(vm_area_struct vma)
    {
        ulong from = vma.Previous is null ? 0 : vma.Previous.vm_end;
        ulong to = StartWithGap(vma);
        return to > from ? to - from : 0;
    }

    private static int H(vm_area_struct? node) => node is null ? 0 : node.Height;

    private static void Pull(vm_area_struct node)
    {
        node.Height = 1 + Math.Max(H(node.Left), H(node.Right));
        node.SubtreeGap = Math.Max(Gap(node), Math.Max(node.Left?.SubtreeGap ?? 0, node.Right?.SubtreeGap ?? 0));
    }

    private static vm_area_struct RotateRight(vm_area_struct node)
    {
        vm_area_struct up = node.Left!;
        node.Left = up.Right;
        up.Right = node;
        Pull(node);
        Pull(up);
        return up;
    }

    private static vm_area_struct RotateLeft(vm_area_struct node)
    {
        vm_area_struct up = node.Right!;
        node.Right = up.Left;
        up.Left = node;
        Pull(node);
        Pull(up);
        return up;
    }

    private static vm_area_struct Balance(vm_area_struct node)
    {
        int balance = H(node.Left) - H(node.Right);
        if (balance > 1)
        {
            if (H(node.Left!.Left) < H(node.Left.Right))
                node.Left = RotateLeft(node.Left);
            return RotateRight(node);
        }

        if (balance < -1)
        {
            if (H(node.Right!.Right) < H(node.Right.Left))
                node.Right = RotateRight(node.Right);
            return RotateLeft(node);
        }

        Pull(node);
        return node;
    }

    private static vm_area_struct Insert(vm_area_struct? node, vm_area_struct vma)
    {
        if (node is null)
            return vma;
        if (vma.vm_start < node.vm_start)
            node.Left = Insert(node.Left, vma);
        else
            node.Right = Insert(node.Right, vma);
        return Balance(node);
    }

    private static vm_area_struct? Erase(vm_area_struct? node, vm_area_struct vma)
    {
        if (node is null)
            throw new KernelOops($"{vma} is not where it should be in the tree");
        if (node == vma)
        {
            if (node.Left is null)
                return node.Right;
            if (node.Right is null)
                return node.Left;
            vm_area_struct? right = TakeLeftmost(node.Right, out vm_area_struct heir);
            heir.Left = node.Left;
            heir.Right = right;
            return Balance(heir);
        }

        if (vma.vm_start < node.vm_start)
            node.Left = Erase(node.Left, vma);
        else
            node.Right = Erase(node.Right, vma);
        return Balance(node);
    }

    private static vm_area_struct? TakeLeftmost(vm_area_struct node, out vm_area_struct leftmost)
    {
        if (node.Left is null)
        {
            leftmost = node;
            return node.Right;
        }

        node.Left = TakeLeftmost(node.Left, out leftmost);
        return Balance(node);
    }

    private static void UpdatePath(vm_area_struct? node, vm_area_struct vma)
    {
        if (node is null)
            throw new KernelOops($"{vma} is not where it should be in the tree");
        if (node != vma)
            UpdatePath(vma.vm_start < node.vm_start ? node.Left : node.Right, vma);
        Pull(node);
    }

    private static ulong TopDown(vm_area_struct? node, ulong length, ulong low, ulong high)
    {
        while (node is not null)
        {
            if (node.SubtreeGap < length)
                return 0;
            ulong from = Math.Max(node.Previous is null ? 0 : node.Previous.vm_end, low);

            // Gaps to the right begin at this area's end or later.
            if (node.vm_end < high)
            {
                ulong found = TopDown(node.Right, length, low, high);
                if (found != 0)
                    return found;
            }

            ulong to = Math.Min(StartWithGap(node), high);
            if (to > from && to - from >= length)
                return to - length;
            if (from <= low && node.Previous is not null && node.Previous.vm_end <= low)
                return 0;
            node = node.Left;
        }

        return 0;
    }

    private static ulong BottomUp(vm_area_struct? node, ulong length, ulong low, ulong high)
    {
        while (node is not null)
        {
            if (node.SubtreeGap < length)
                return 0;
            if (node.vm_start > low)
            {
                ulong found = BottomUp(node.Left, length, low, high);
                if (found != 0)
                    return found;
            }

            ulong from = Math.Max(node.Previous is null ? 0 : node.Previous.vm_end, low);
            ulong to = Math.Min(StartWithGap(node), high);
            if (to > from && to - from >= length)
                return from;
            if (from >= high)
                return 0;
            node = node.Right;
        }

        return 0;
    }

    private void UpdatePath(vm_area_struct vma) => UpdatePath(_root, vma);
}
