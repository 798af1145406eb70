// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// The nodes of all XArrays of one kernel: native memory that is carved from chunks, recycled after a grace period, and given back at power-off only, so
/// a reader that is late finds a node and never a hole.
/// </summary>
internal sealed unsafe class XaNodeCache
{
    private const int NodesPerChunk = 112;

    // A grace period costs a barrier on every thread; it is started for no fewer nodes than this.
    private const int Batch = 32;

    private readonly Kernel kernel;
    private readonly Lock gate = new();
    private readonly List<nint> chunks = [];
    private xa_node* free;

    // Freed since the last grace period was started, and before it.
    private xa_node* freed;
    private int nrFreed;
    private xa_node* waiting;
    private ulong cookie;
    private long live;

    internal XaNodeCache(Kernel kernel)
    {
        this.kernel = kernel;
        kernel.RegisterShutdown("radix_tree_node", this.Destroy);
    }

    /// <summary>Nodes in use.</summary>
    internal long Live => Interlocked.Read(ref this.live);

    /// <summary>Bytes of native memory.</summary>
    internal long Bytes
    {
        get
        {
            lock (this.gate)
                return (long)this.chunks.Count * NodesPerChunk * sizeof(xa_node);
        }
    }

    /// <summary>A node of zeroes, or null.</summary>
    internal xa_node* Alloc()
    {
        xa_node* node;
        lock (this.gate)
        {
            if (this.free == null && !this.Recycle() && !this.Grow())
                return null;
            node = this.free;
            this.free = node->list;
            this.live++;
        }

        NativeMemory.Clear(node, (nuint)sizeof(xa_node));
        return node;
    }

    /// <summary>Frees a node that readers may still be in.</summary>
    internal void FreeRcu(xa_node* node)
    {
        lock (this.gate)
        {
            node->list = this.freed;
            this.freed = node;
            this.nrFreed++;
            this.live--;
        }
    }

    /// <summary>Frees a node that was never part of a tree.</summary>
    internal void Free(xa_node* node)
    {
        lock (this.gate)
        {
            node->list = this.free;
            this.free = node;
            this.live--;
        }
    }

    [MustHold("gate")]
    private bool Recycle()
    {
        if (this.waiting == null && this.nrFreed >= Batch)
        {
            this.waiting = this.freed;
            this.freed = null;
            this.nrFreed = 0;
            this.cookie = Tree.start_poll_synchronize_rcu(this.kernel);
        }

        if (this.waiting == null || !Tree.poll_state_synchronize_rcu(this.kernel, this.cookie))
            return false;
        this.free = this.waiting;
        this.waiting = null;
        return true;
    }

    [MustHold("gate")]
    private bool Grow()
    {
        void* chunk;
        try
        {
            chunk = NativeMemory.AlignedAlloc((nuint)(NodesPerChunk * sizeof(xa_node)), 64);
        }
        catch (OutOfMemoryException)
        {
            return false;
        }

        this.chunks.Add((nint)chunk);
        for (int i = NodesPerChunk - 1; i >= 0; i--)
        {
            xa_node* node = (xa_node*)chunk + i;
            node->list = this.free;
            this.free = node;
        }

        return true;
    }

    private void Destroy()
    {
        lock (this.gate)
        {
            foreach (nint chunk in this.chunks)
                NativeMemory.AlignedFree((void*)chunk);
            this.chunks.Clear();
            this.free = this.freed = this.waiting = null;
        }
    }
}
