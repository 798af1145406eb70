// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using KvmSharp.Analyzers.Util;

namespace KvmSharp.Analyzers.Flow;

/// <summary>Gives what an operation produced in an earlier iteration another name, so that the operation can produce a new object.</summary>
internal static class Renamer
{
    internal static void Rename(Walker walker, World w, Obj o, ref Obj? old)
    {
        // What was never the root of a path can only be met by itself.
        if (o.IsParent || w.Names(o))
        {
            foreach (var p in w.Env.ToList())
            {
                if (p.Value.Obj is { } v && v.Contains(o))
                    w.Env = w.Env.Set(p.Key, p.Value.WithObj(Rebase(walker, v, o, ref old)));
                Obj location = walker.Objs[p.Key];
                if (location.Kind is not (ObjKind.Local or ObjKind.Parameter) && location.Contains(o))
                    w.Env = w.Env.Remove(p.Key);
            }
        }

        w.Locks = Keys(walker, w.Locks, o, ref old);
        w.Guards = Keys(walker, w.Guards, o, ref old);
        w.Refs = Keys(walker, w.Refs, o, ref old);
        w.Errors = Keys(walker, w.Errors, o, ref old);
        w.Maps = Keys(walker, w.Maps, o, ref old);
        w.Facts = w.Facts.Remove(o.Id);
        w.Published = w.Published.Remove(o.Id);
    }

    private static IntMap<T> Keys<T>(Walker walker, IntMap<T> map, Obj o, ref Obj? old)
        where T : class
    {
        if (map.IsEmpty || (!o.IsParent && map[o.Id] is null))
            return map;
        foreach (var p in map.ToList())
        {
            Obj key = walker.Objs[p.Key];
            if (!key.Contains(o))
                continue;
            map = map.Remove(p.Key);
            map = map.Set(Rebase(walker, key, o, ref old).Id, p.Value);
        }

        return map;
    }

    private static Obj Rebase(Walker walker, Obj key, Obj o, ref Obj? old)
    {
        if (ReferenceEquals(key, o))
            return old ??= walker.Objs.Get(ObjKind.Old, site: o, type: o.Type);
        Obj? parent = key.Parent is null ? null : Rebase(walker, key.Parent, o, ref old);
        Obj? index = key.Index is null ? null : Rebase(walker, key.Index, o, ref old);
        if (ReferenceEquals(parent, key.Parent) && ReferenceEquals(index, key.Index))
            return key;
        return walker.Objs.Get(key.Kind, parent, key.Symbol, key.Site, index, key.Type);
    }
}
